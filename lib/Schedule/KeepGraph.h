// What backward keeps of forward, as a graph without IR.
#ifndef RADDLE_LIB_SCHEDULE_KEEPGRAPH_H
#define RADDLE_LIB_SCHEDULE_KEEPGRAPH_H

#include "MinimumCut.h"
#include "llvm/ADT/ArrayRef.h"
#include <optional>

namespace raddle {

/// Ops of forward in their order. Each is repeated in backward or not; a value that backward reads, or that an op reads
/// which is repeated, is held unless its own op is repeated. What is chosen costs least: the sum of what repeating each
/// op costs and of what holding each value costs. It is a minimum cut: a node for each op, on the source's side if it
/// is not repeated, and one for each value, on the sink's side if it is needed.
class KeepGraph {
public:
  struct Value {
    MinimumCut::Node node;
  };

  KeepGraph() : source(cut.addNode()), sink(cut.addNode()) {}

  /// Gives the op's number, from 0 on. One without a cost is never repeated.
  size_t addOp(std::optional<int64_t> repeatCost, llvm::ArrayRef<Value> operands);

  /// A result of an op.
  Value addValue(size_t op, int64_t holdCost, bool isReadByBackward);

  /// Whether each op is repeated; of choices that cost the same, the one that repeats most. To be called once.
  std::vector<bool> chooseRepeated();

private:
  MinimumCut cut;
  MinimumCut::Node source, sink;
  std::vector<MinimumCut::Node> ops;
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_KEEPGRAPH_H

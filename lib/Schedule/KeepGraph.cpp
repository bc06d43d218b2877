#include "KeepGraph.h"

namespace raddle {

size_t KeepGraph::addOp(std::optional<int64_t> repeatCost, llvm::ArrayRef<Value> operands) {
  ops.push_back(cut.addNode());
  cut.addEdge(source, ops.back(), repeatCost.value_or(MinimumCut::unlimited));
  for (Value operand : operands)
    cut.addEdge(operand.node, ops.back(), MinimumCut::unlimited);
  return ops.size() - 1;
}

KeepGraph::Value KeepGraph::addValue(size_t op, int64_t holdCost, bool isReadByBackward) {
  Value value{cut.addNode()};
  cut.addEdge(ops[op], value.node, holdCost);
  if (isReadByBackward)
    cut.addEdge(value.node, sink, MinimumCut::unlimited);
  return value;
}

std::vector<bool> KeepGraph::chooseRepeated() {
  std::vector<bool> kept = cut.sourceSide(source, sink), repeated;
  for (MinimumCut::Node op : ops)
    repeated.push_back(!kept[op]);
  return repeated;
}

} // namespace raddle

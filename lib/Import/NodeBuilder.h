#ifndef RADDLE_LIB_IMPORT_NODEBUILDER_H
#define RADDLE_LIB_IMPORT_NODEBUILDER_H

#include "Batch.h"
#include "Program.h"
#include "Symbols.h"
#include "TensorBuilder.h"

namespace raddle::import {

class NodeBuilder;
class OperatorTable;

/// Builds one node; reports what is wrong and fails, or defines the node's results.
using Handler = llvm::LogicalResult (*)(NodeBuilder &);

/// What is known while the nodes of a program are built in their order.
struct GraphState {
  const Program &program;
  const Symbols &symbols;
  const Batch &batch;
  const OperatorTable &operators;
  llvm::StringMap<mlir::Value> values;
  /// Number of streams of random numbers so far: their order in the program names them.
  int64_t numStreams = 0;

  /// The element type that the file says a tensor has, as PyTorch's number.
  int64_t dtypeOf(llvm::StringRef tensor) const;
  /// The type that the file says a tensor has, with sizes evaluated. A complex one has a dimension of 2 more.
  llvm::Expected<mlir::RankedTensorType> declaredType(mlir::MLIRContext *context, llvm::StringRef tensor) const;
};

/// Where a node's Python source is: the innermost line outside of torch itself, named by the node.
mlir::Location locationOf(mlir::MLIRContext *context, const Node &node);

/// Reads the arguments of a node by the names of the operator's schema, and builds what it computes. Absent arguments
/// have the schema's defaults, which the callers give.
class NodeBuilder : public TensorBuilder {
public:
  NodeBuilder(GraphState &state, const Node &node, mlir::OpBuilder &builder)
      : TensorBuilder(builder, locationOf(builder.getContext(), node)), node(node), state(state) {}

  /// False for an argument that is absent or None.
  bool has(llvm::StringRef name) const;
  mlir::Value tensor(llvm::StringRef name);
  mlir::Value optionalTensor(llvm::StringRef name);
  /// Items that are None are null.
  llvm::SmallVector<mlir::Value> tensors(llvm::StringRef name);
  int64_t integer(llvm::StringRef name, std::optional<int64_t> absent = std::nullopt);
  double real(llvm::StringRef name, std::optional<double> absent = std::nullopt);
  bool boolean(llvm::StringRef name, bool absent);
  llvm::StringRef string(llvm::StringRef name, llvm::StringRef absent);
  /// A number. Beside tensors of bytes it is one: -3 is 253.
  Scalar scalar(llvm::StringRef name, std::optional<Scalar> absent = std::nullopt);
  llvm::SmallVector<int64_t> integers(llvm::StringRef name);
  /// A tensor or a number.
  Operand operand(llvm::StringRef name);
  mlir::Type dtype(llvm::StringRef name, mlir::Type absent);

  /// A dimension of a tensor of rank `rank`, counted from the end where negative.
  int64_t dimension(llvm::StringRef name, int64_t rank, std::optional<int64_t> absent = std::nullopt);
  int64_t wrapDimension(int64_t dim, int64_t rank);
  /// Sorted and distinct; all dimensions where the list is absent or empty.
  llvm::SmallVector<int64_t> dimensions(llvm::StringRef name, int64_t rank);

  /// Whether the file says that the elements of a tensor argument lie in row-major order without gaps.
  bool isRowMajor(llvm::StringRef name);

  /// Element type of one of the node's results as the file declares it.
  mlir::Type declaredElement(size_t result = 0);
  /// Type of one of the node's results as the file declares it; null for one without a name, which nothing reads.
  mlir::RankedTensorType declaredResult(size_t result);
  /// The value, without gradients.
  mlir::Value detach(mlir::Value value);
  /// The operands' common type. A floating-point type that no tensor among them has is PyTorch's default type at
  /// export, which the file declares for the result.
  mlir::Type resultType(llvm::ArrayRef<Operand> operands);
  /// As resultType, and the default floating-point type for integers.
  mlir::Type realType(llvm::ArrayRef<Operand> operands);

  /// The function's argument that the runtime fills by a role of `nn.role` (i64), made where it is not there yet.
  mlir::Value runtimeInput(llvm::StringRef role);
  /// The number of a new stream of random numbers.
  int64_t newStream() { return state.numStreams++; }
  /// The dimension of the node's first result that is cut over the ranks, if one is.
  std::optional<int64_t> batchDimension() const;
  /// That of a tensor argument.
  std::optional<int64_t> batchDimension(llvm::StringRef name) const;
  /// The ranks that share the batch.
  int64_t numRanks() const { return state.batch.ranks; }

  /// Defines the node's results. Each must have the type that the file declares: a difference means that the file is
  /// damaged, or that the operator was understood wrongly.
  llvm::LogicalResult results(llvm::ArrayRef<mlir::Value> values);
  llvm::LogicalResult result(mlir::Value value) { return results(value); }

  // Complex tensors
  /// A look at the node in which every complex tensor is its real or its imaginary part, and results are kept here.
  struct PartView {
    /// One for each tensor in the order in which the handler asks for them; the last one holds for the rest.
    llvm::SmallVector<bool> imaginary;
    /// Numbers are factors. Otherwise they are terms, which the imaginary part does not have.
    bool keepsNumbers = false;
    llvm::SmallVector<mlir::Value> results;
    size_t next = 0;
  };
  NodeBuilder viewedBy(PartView &view);
  Handler findHandler() const;
  bool isComplexArgument(llvm::StringRef name) const;
  /// One for each tensor among the node's arguments.
  llvm::SmallVector<bool> complexTensors() const;
  mlir::Value partOf(mlir::Value pairs, bool imaginary);

  const Node &node;

private:
  mlir::Value viewed(llvm::StringRef tensor, mlir::Value value);
  mlir::Value withinByte(mlir::Value value);
  /// Whether the operands are bytes, or booleans beside them, and so is the result.
  bool computesInBytes() const;
  /// A number as it stands: dimensions and sizes beside bytes are none.
  Scalar plainNumber(llvm::StringRef name, std::optional<Scalar> absent);
  Number numberOf(const Argument &argument, llvm::StringRef name);
  mlir::Value lookup(llvm::StringRef tensor);
  mlir::Type defaultFloat();

  GraphState &state;
  PartView *view = nullptr;
};

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_NODEBUILDER_H

// Verifiers of the ops of NNIndexing.td. The tag at each check is the constraint's there.
#include "Expect.h"

using namespace mlir;
using namespace raddle::nn;

LogicalResult CheckedIndexOp::verify() {
  if (static_cast<int64_t>(getSize()) <= 0) // nn_checked_index_c1
    return emitOpError("expects 'size' to be positive, is ") << static_cast<int64_t>(getSize());
  return expectShape(*this, "out", getOut(), shapeOf(getIndices()), getOut()); // nn_checked_index_c2
}

static LogicalResult expectTable(Operation *op, StringRef name, Value table) {
  if (failed(expectRank(op, name, table, 2)))
    return failure();
  if (shapeOf(table)[0] > 0)
    return success();
  return op->emitOpError("expects '") << name << "' to have rows, is " << table.getType();
}

LogicalResult GatherRowsOp::verify() {
  if (failed(expectTable(*this, "table", getTable()))) // nn_gather_rows_c1
    return failure();
  // nn_gather_rows_c2
  SmallVector<int64_t> shape = selectedShape(getIndices(), shapeOf(getTable())[1]);
  return expectShape(*this, "out", getOut(), shape, getTable());
}

LogicalResult ScatterRowsOp::verify() {
  if (failed(expectTable(*this, "target", getTarget()))) // nn_scatter_rows_c1
    return failure();
  if (failed(expectRank(*this, "indices", getIndices(), 1))) // nn_scatter_rows_c2
    return failure();
  // nn_scatter_rows_c3
  SmallVector<int64_t> shape = selectedShape(getIndices(), shapeOf(getTarget())[1]);
  return expectShape(*this, "updates", getUpdates(), shape, getTarget());
}

static LogicalResult expectDimensions(Operation *op, Value input) {
  if (typeOf(input).getRank() > 0)
    return success();
  return op->emitOpError("expects 'input' with at least one dimension, is ") << input.getType();
}

LogicalResult ArgSortOp::verify() {
  if (failed(expectDimensions(*this, getInput()))) // nn_argsort_c1
    return failure();
  return expectShape(*this, "indices", getIndices(), shapeOf(getInput()), getIndices()); // nn_argsort_c2
}

LogicalResult TopKOp::verify() {
  if (failed(expectDimensions(*this, getInput()))) // nn_topk_c1
    return failure();
  // nn_topk_c2
  SmallVector<int64_t> shape(shapeOf(getInput()));
  int64_t elements = shape.back();
  shape.back() = typeOf(getIndices()).getRank() ? shapeOf(getIndices()).back() : 0;
  if (failed(expectShape(*this, "indices", getIndices(), shape, getIndices())))
    return failure();
  if (shape.back() >= 1 && shape.back() <= elements)
    return success();
  return emitOpError("expects from 1 to ") << elements << " elements of each row, is " << shape.back();
}

#include "Spatial.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;

namespace raddle::import {

Value SpatialInput::restore(NodeBuilder &node, Value result) const {
  if (batched || node.failed())
    return result;
  return node.reshape(result, node.shapeOf(result).drop_front());
}

static bool accepts(SpatialElements elements, Type type) {
  if (isa<FloatType>(type) || elements == SpatialElements::All)
    return true;
  return elements == SpatialElements::Numbers && !type.isInteger(1);
}

SpatialInput readSpatial(NodeBuilder &node, StringRef name, int64_t spatialRank, SpatialElements elements) {
  SpatialInput input;
  input.value = node.tensor(name);
  input.rank = spatialRank;
  if (node.failed())
    return input;
  int64_t rank = node.rankOf(input.value);
  if ((rank != spatialRank + 1 && rank != spatialRank + 2) || !accepts(elements, node.elementOf(input.value))) {
    static constexpr StringLiteral kNames[] = {"floating-point numbers", "numbers", "elements"};
    node.fail(node.node.target + " of a tensor of shape " + node.describe(node.shapeOf(input.value)) + ": expected " +
              kNames[size_t(elements)] + " of rank " + Twine(spatialRank + 1) + " or " + Twine(spatialRank + 2));
    return input;
  }
  if (rank == spatialRank + 1) {
    input.batched = false;
    input.value = node.insertUnitDim(input.value, 0);
  }
  return input;
}

SmallVector<int64_t> readPerDimension(NodeBuilder &node, StringRef name, int64_t rank, int64_t least,
                                      ArrayRef<int64_t> absent) {
  SmallVector<int64_t> values = node.integers(name);
  if (node.failed())
    return {};
  if (values.empty())
    values.assign(absent.begin(), absent.end());
  if (values.size() == 1)
    values.assign(rank, values.front());
  // Extents reach far below this, so that sums and products of them stay in range.
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  bool inRange = llvm::all_of(values, [&](int64_t value) { return value >= least && value <= kMost; });
  if (int64_t(values.size()) == rank && inRange)
    return values;
  node.fail("argument '" + name + "' of " + node.node.target + " is " + node.describe(values) + ", expected " +
            Twine(rank) + " numbers from " + Twine(least) + " on");
  return {};
}

Value constantTensor(NodeBuilder &node, ArrayRef<double> values, Type element, ArrayRef<int64_t> shape) {
  if (node.failed())
    return nullptr;
  // One dimension, so that equal numbers are one constant whatever they are viewed as.
  auto wide =
      DenseElementsAttr::get(RankedTensorType::get({int64_t(values.size())}, node.builder.getF64Type()), values);
  const llvm::fltSemantics &semantics = cast<FloatType>(element).getFloatSemantics();
  DenseElementsAttr attribute = wide;
  if (!element.isF64())
    attribute = wide.mapValues(element, [&](const llvm::APFloat &value) {
      llvm::APFloat narrow = value;
      bool losesInfo;
      narrow.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      return narrow.bitcastToAPInt();
    });
  return node.reshape(arith::ConstantOp::create(node.builder, node.loc, attribute), shape);
}

Value constantAlong(NodeBuilder &node, ArrayRef<double> values, Type element, int64_t dim, int64_t rank) {
  Shape shape(rank, 1);
  shape[dim] = values.size();
  return constantTensor(node, values, element, shape);
}

Value gatherAlong(NodeBuilder &node, Value value, int64_t dim, ArrayRef<int64_t> table) {
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(value)), aligned(shape.size(), 1);
  shape[dim] = aligned[dim] = table.size();
  auto type = RankedTensorType::get({int64_t(table.size())}, node.builder.getI64Type());
  Value constant = arith::ConstantOp::create(node.builder, node.loc, DenseElementsAttr::get(type, table));
  return node.mapElements(
      shape, {node.reshape(constant, aligned)}, node.elementOf(value),
      [&](OpBuilder &builder, Location loc, ValueRange elements) -> Value {
        SmallVector<Value> coordinates;
        for (int64_t i = 0, e = shape.size(); i < e; ++i)
          coordinates.push_back(
              i == dim ? arith::IndexCastOp::create(builder, loc, builder.getIndexType(), elements[0]).getResult()
                       : linalg::IndexOp::create(builder, loc, i).getResult());
        return tensor::ExtractOp::create(builder, loc, value, coordinates);
      });
}

} // namespace raddle::import

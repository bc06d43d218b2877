#include "TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle::import {

std::nullptr_t TensorBuilder::fail(const Twine &message) {
  if (!hasFailed)
    emitError(loc) << message;
  hasFailed = true;
  return nullptr;
}

std::string TensorBuilder::describe(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << '[';
  llvm::interleaveComma(shape, stream);
  stream << ']';
  return text;
}

RankedTensorType TensorBuilder::tensorType(ArrayRef<int64_t> shape, Type element) {
  if (failed())
    return nullptr;
  // Bits, so that sizes in bytes and offsets of later stages fit as well.
  int64_t bits = std::max(element.getIntOrFloatBitWidth(), 8u);
  for (int64_t size : shape)
    if (size < 0 || llvm::MulOverflow(bits, std::max<int64_t>(size, 1), bits))
      return fail("a tensor of shape " + describe(shape) + " is not possible"), nullptr;
  return RankedTensorType::get(shape, element);
}

Value TensorBuilder::empty(ArrayRef<int64_t> shape, Type element) {
  RankedTensorType type = tensorType(shape, element);
  return type ? tensor::EmptyOp::create(builder, loc, type, ValueRange{}).getResult() : Value();
}

Value TensorBuilder::fill(ArrayRef<int64_t> shape, Type element, const Scalar &value) {
  Value init = empty(shape, element);
  if (!init)
    return nullptr;
  Value constant = scalarConstant(builder, loc, element, value);
  return linalg::FillOp::create(builder, loc, constant, init).getResult(0);
}

//===----------------------------------------------------------------------===//
// Shape
//===----------------------------------------------------------------------===//

bool broadcastsTo(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  if (from.size() > to.size())
    return false;
  for (auto [have, want] : llvm::zip(from, to.take_back(from.size())))
    if (have != want && have != 1)
      return false;
  return true;
}

Value TensorBuilder::reshape(Value value, ArrayRef<int64_t> shape) {
  if (failed())
    return nullptr;
  // Views of views are views of the first.
  while (Operation *view = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(view))
      break;
    value = view->getOperand(0);
  }
  RankedTensorType from = typeOf(value), to = tensorType(shape, from.getElementType());
  if (!to)
    return nullptr;
  if (from.getNumElements() != to.getNumElements())
    return fail("a tensor of shape " + describe(from.getShape()) + " cannot be viewed as " + describe(shape));
  if (from == to)
    return value;
  if (to.getNumElements() == 0)
    return fill(shape, from.getElementType(), Scalar::ofInt(0));
  return buildReshape(builder, loc, value, shape);
}

Value TensorBuilder::insertUnitDim(Value value, int64_t dim) {
  if (failed())
    return nullptr;
  Shape shape(shapeOf(value));
  shape.insert(shape.begin() + dim, 1);
  return reshape(value, shape);
}

Value TensorBuilder::broadcast(Value value, ArrayRef<int64_t> shape) {
  if (failed())
    return nullptr;
  if (shapeOf(value) == shape)
    return value;
  if (!broadcastsTo(shapeOf(value), shape))
    return fail("a tensor of shape " + describe(shapeOf(value)) + " cannot be expanded to " + describe(shape));
  // Leading dimensions of size 1 move no data.
  if (llvm::all_of(shape.drop_back(rankOf(value)), [](int64_t size) { return size == 1; }) &&
      shape.take_back(rankOf(value)) == shapeOf(value))
    return reshape(value, shape);
  return mapElements(shape, {value}, elementOf(value),
                     [](OpBuilder &, Location, ValueRange elements) { return elements[0]; });
}

Value TensorBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (failed())
    return nullptr;
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  Shape shape = llvm::map_to_vector<4>(permutation, [&](int64_t dim) { return shapeOf(value)[dim]; });
  Value init = empty(shape, elementOf(value));
  if (!init)
    return nullptr;
  return linalg::TransposeOp::create(builder, loc, value, init, permutation)->getResult(0);
}

Value TensorBuilder::slice(Value value, int64_t dim, int64_t start, int64_t size, int64_t step) {
  if (failed())
    return nullptr;
  int64_t extent = shapeOf(value)[dim];
  if (start < 0 || size < 0 || step < 1 || start > extent || (size > 0 && (size - 1 > (extent - 1 - start) / step)))
    return fail("a slice of " + Twine(size) + " elements from " + Twine(start) + " by " + Twine(step) +
                " is out of dimension " + Twine(dim) + " of " + describe(shapeOf(value)));
  if (start == 0 && size == extent)
    return value;
  Shape sizes(shapeOf(value));
  sizes[dim] = size;
  if (size == 0)
    return fill(sizes, elementOf(value), Scalar::ofInt(0));
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  offsets[dim] = builder.getIndexAttr(start);
  strides[dim] = builder.getIndexAttr(size == 1 ? 1 : step);
  return tensor::ExtractSliceOp::create(builder, loc, RankedTensorType::get(sizes, elementOf(value)), value, offsets,
                                        getAsIndexOpFoldResult(builder.getContext(), sizes), strides);
}

Value TensorBuilder::concat(ArrayRef<Value> values, int64_t dim) {
  if (failed())
    return nullptr;
  SmallVector<Value> parts;
  int64_t total = 0;
  for (Value value : values) {
    Shape shape(shapeOf(value)), first(shapeOf(values.front()));
    bool fits = shape.size() == first.size() && elementOf(value) == elementOf(values.front());
    if (fits) {
      shape[dim] = first[dim];
      fits = shape == first && !llvm::AddOverflow(total, shapeOf(value)[dim], total);
    }
    if (!fits)
      return fail("tensors of shapes " + describe(first) + " and " + describe(shapeOf(value)) +
                  " cannot be joined on dimension " + Twine(dim));
    if (shapeOf(value)[dim] != 0)
      parts.push_back(value);
  }
  Shape shape(shapeOf(values.front()));
  shape[dim] = total;
  RankedTensorType type = tensorType(shape, elementOf(values.front()));
  if (!type || parts.empty())
    return type ? values.front() : Value();
  if (parts.size() == 1)
    return parts.front();
  return tensor::ConcatOp::create(builder, loc, type, dim, parts);
}

Shape TensorBuilder::broadcastShape(ArrayRef<Operand> operands) {
  Shape shape;
  if (failed())
    return shape;
  for (const Operand &operand : operands) {
    if (!operand.tensor)
      continue;
    ArrayRef<int64_t> next = shapeOf(operand.tensor);
    if (next.size() > shape.size())
      shape.insert(shape.begin(), next.size() - shape.size(), 1);
    for (auto [have, want] : llvm::zip(MutableArrayRef<int64_t>(shape).take_back(next.size()), next)) {
      if (have != want && have != 1 && want != 1) {
        fail("shapes " + describe(shape) + " and " + describe(next) + " do not broadcast");
        return shape;
      }
      if (have == 1)
        have = want;
    }
  }
  return shape;
}

std::pair<Value, AffineMap> TensorBuilder::alignTo(Value value, ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> have = shapeOf(value);
  int64_t offset = int64_t(shape.size()) - int64_t(have.size());
  SmallVector<AffineExpr> results;
  Shape kept;
  for (auto [dim, size] : llvm::enumerate(have)) {
    if (size == 1 && shape[offset + dim] != 1)
      continue;
    results.push_back(builder.getAffineDimExpr(offset + dim));
    kept.push_back(size);
  }
  AffineMap map = AffineMap::get(shape.size(), 0, results, builder.getContext());
  return {reshape(value, kept), map};
}

} // namespace raddle::import

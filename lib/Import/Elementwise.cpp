#include "TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;

namespace raddle::import {

Type TensorBuilder::promote(ArrayRef<Operand> operands) {
  if (failed())
    return nullptr;
  auto contributions = llvm::map_to_vector(operands, [](const Operand &operand) {
    PromotionOperand result;
    if (operand.tensor) {
      result.type = elementOf(operand.tensor);
      result.zeroDim = rankOf(operand.tensor) == 0;
    } else {
      result.scalar = operand.scalar;
    }
    return result;
  });
  return promoteTypes(builder.getContext(), contributions);
}

Value TensorBuilder::mapElements(ArrayRef<int64_t> shape, ArrayRef<Value> tensors, Type result, ElementFn fn) {
  Value init = empty(shape, result);
  if (!init)
    return nullptr;
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value tensor : tensors) {
    if (!broadcastsTo(shapeOf(tensor), shape))
      return fail("a tensor of shape " + describe(shapeOf(tensor)) + " does not broadcast to " + describe(shape));
    auto [aligned, map] = alignTo(tensor, shape);
    inputs.push_back(aligned);
    maps.push_back(map);
  }
  maps.push_back(builder.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> iterators(shape.size(), utils::IteratorType::parallel);
  auto body = [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
    linalg::YieldOp::create(nested, nestedLoc, fn(nested, nestedLoc, arguments.drop_back()));
  };
  return linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, maps, iterators, body).getResult(0);
}

Value TensorBuilder::elementwise(ArrayRef<Operand> operands, Type compute, Type result, ElementFn fn) {
  Shape shape = broadcastShape(operands);
  if (failed())
    return nullptr;
  Type type = arithmeticType(compute);
  SmallVector<Value> tensors;
  for (const Operand &operand : operands)
    if (operand.tensor)
      tensors.push_back(operand.tensor);
  return mapElements(shape, tensors, result, [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
    SmallVector<Value> elements;
    size_t next = 0;
    for (const Operand &operand : operands)
      elements.push_back(operand.tensor ? convertScalar(nested, nestedLoc, arguments[next++], type)
                                        : scalarConstant(nested, nestedLoc, type, operand.scalar));
    return convertScalar(nested, nestedLoc, fn(nested, nestedLoc, elements), result);
  });
}

Value TensorBuilder::cast(Value value, Type element) {
  if (failed())
    return nullptr;
  if (elementOf(value) == element)
    return value;
  return mapElements(shapeOf(value), {value}, element, [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) {
    return convertScalar(nested, nestedLoc, elements[0], element);
  });
}

Value TensorBuilder::convertBytes(Value value, Type element) {
  bool widens = element.getIntOrFloatBitWidth() > elementOf(value).getIntOrFloatBitWidth();
  return mapElements(shapeOf(value), {value}, element, [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) {
    return widens ? arith::ExtUIOp::create(nested, nestedLoc, element, elements[0]).getResult()
                  : arith::TruncIOp::create(nested, nestedLoc, element, elements[0]).getResult();
  });
}

Value TensorBuilder::reduce(Value value, ArrayRef<int64_t> dims, bool keep, Type accumulate, const Scalar &initial,
                            function_ref<Value(OpBuilder &, Location, Value, Value)> fn) {
  if (failed())
    return nullptr;
  int64_t rank = rankOf(value);
  Type type = arithmeticType(accumulate);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  for (int64_t dim : dims)
    iterators[dim] = utils::IteratorType::reduction;
  Shape rest, kept;
  SmallVector<AffineExpr> results;
  for (int64_t dim = 0; dim < rank; ++dim) {
    bool reduced = iterators[dim] == utils::IteratorType::reduction;
    kept.push_back(reduced ? 1 : shapeOf(value)[dim]);
    if (reduced)
      continue;
    rest.push_back(shapeOf(value)[dim]);
    results.push_back(builder.getAffineDimExpr(dim));
  }
  Value init = fill(rest, type, initial);
  if (!init)
    return nullptr;
  SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(rank),
                              AffineMap::get(rank, 0, results, builder.getContext())};
  auto body = [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
    Value element = convertScalar(nested, nestedLoc, arguments[0], type);
    linalg::YieldOp::create(nested, nestedLoc, fn(nested, nestedLoc, arguments[1], element));
  };
  Value result =
      linalg::GenericOp::create(builder, loc, init.getType(), value, init, maps, iterators, body).getResult(0);
  result = cast(result, accumulate);
  return keep ? reshape(result, kept) : result;
}

Value TensorBuilder::matmul(Value lhs, Value rhs, bool transposed) {
  if (failed())
    return nullptr;
  ArrayRef<int64_t> left = shapeOf(lhs), right = shapeOf(rhs);
  if (left.size() != 2 || right.size() != 2 || left[1] != right[transposed ? 1 : 0] || elementOf(lhs) != elementOf(rhs))
    return fail("matrices " + describe(left) + " and " + describe(right) + (transposed ? " (transposed)" : "") +
                " cannot be multiplied");
  Type element = elementOf(lhs), accumulate = arithmeticType(element);
  Value init = fill({left[0], right[transposed ? 0 : 1]}, accumulate, Scalar::ofInt(0));
  if (!init)
    return nullptr;
  AffineExpr m, n, k;
  bindDims(builder.getContext(), m, n, k);
  auto map = [&](AffineExpr row, AffineExpr column) {
    return AffineMap::get(3, 0, {row, column}, builder.getContext());
  };
  SmallVector<AffineMap> maps{map(m, k), transposed ? map(n, k) : map(k, n), map(m, n)};
  SmallVector<utils::IteratorType> iterators{utils::IteratorType::parallel, utils::IteratorType::parallel,
                                             utils::IteratorType::reduction};
  auto body = [&](OpBuilder &nested, Location nestedLoc, ValueRange arguments) {
    Value a = convertScalar(nested, nestedLoc, arguments[0], accumulate);
    Value b = convertScalar(nested, nestedLoc, arguments[1], accumulate);
    Value sum;
    if (isa<FloatType>(accumulate))
      sum = arith::AddFOp::create(nested, nestedLoc, arguments[2], arith::MulFOp::create(nested, nestedLoc, a, b));
    else
      sum = arith::AddIOp::create(nested, nestedLoc, arguments[2], arith::MulIOp::create(nested, nestedLoc, a, b));
    linalg::YieldOp::create(nested, nestedLoc, sum);
  };
  Value result =
      linalg::GenericOp::create(builder, loc, init.getType(), ValueRange{lhs, rhs}, init, maps, iterators, body)
          .getResult(0);
  return cast(result, element);
}

Value TensorBuilder::batchMatmul(Value lhs, Value rhs) {
  if (failed())
    return nullptr;
  ArrayRef<int64_t> left = shapeOf(lhs), right = shapeOf(rhs);
  if (left.size() != 3 || right.size() != 3 || left[0] != right[0] || left[2] != right[1] ||
      elementOf(lhs) != elementOf(rhs))
    return fail("batches of matrices " + describe(left) + " and " + describe(right) + " cannot be multiplied");
  Type element = elementOf(lhs);
  Value init = fill({left[0], left[1], right[2]}, arithmeticType(element), Scalar::ofInt(0));
  if (!init)
    return nullptr;
  Value result = linalg::BatchMatmulOp::create(builder, loc, init.getType(), ValueRange{lhs, rhs}, init).getResult(0);
  return cast(result, element);
}

} // namespace raddle::import

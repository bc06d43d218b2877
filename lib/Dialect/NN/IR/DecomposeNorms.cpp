// Decompositions of norms over the last dimension and of their gradients.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

namespace {

/// Types and maps of a norm: loops are the dimensions of the input, rows are all but the last.
struct NormBuilder {
  NormBuilder(OpBuilder &builder, Value input)
      : builder(builder), loc(input.getLoc()), type(cast<RankedTensorType>(input.getType())) {
    int64_t rank = type.getRank();
    SmallVector<int64_t> rowDims = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
    full = builder.getMultiDimIdentityMap(rank);
    row = projection(builder.getContext(), rank, rowDims);
    vector = projection(builder.getContext(), rank, {rank - 1});
    rowType = RankedTensorType::get(type.getShape().drop_back(), type.getElementType());
    width = type.getShape().back();
  }

  /// Sums `body` over the last dimension and divides by its size: a tensor of rows.
  Value mean(ValueRange inputs, ArrayRef<AffineMap> maps, BodyBuilder body) const {
    Value sum = buildReduction(builder, loc, rowType, inputs, maps, row, 0.0, [&](const Scalars &s, ValueRange args) {
      return s.add(args.back(), body(s, args.drop_back()));
    });
    return rows(
        {sum}, [&](const Scalars &s, ValueRange args) { return s.mul(args[0], s.constantLike(args[0], 1.0 / width)); });
  }

  Value rows(ValueRange inputs, BodyBuilder body) const {
    return buildElementwise(builder, loc, rowType, inputs, {}, body);
  }

  /// 1 / sqrt(value + eps) of each row.
  Value rsqrtOf(Value value, double eps) const {
    return rows({value}, [&](const Scalars &s, ValueRange args) {
      return s.rsqrt(s.add(args[0], s.constantLike(args[0], eps)));
    });
  }

  OpBuilder &builder;
  Location loc;
  RankedTensorType type, rowType;
  AffineMap full, row, vector;
  int64_t width;
};

} // namespace

FailureOr<SmallVector<Value>> LayerNormOp::decomposeOperation(OpBuilder &builder) {
  NormBuilder norm(builder, getInput());
  Value mean = norm.mean({getInput()}, {norm.full}, [](const Scalars &, ValueRange args) { return args[0]; });
  Value variance = norm.mean({getInput(), mean}, {norm.full, norm.row}, [](const Scalars &s, ValueRange args) {
    Value centred = s.sub(args[0], args[1]);
    return s.mul(centred, centred);
  });
  Value rstd = norm.rsqrtOf(variance, getEps().convertToDouble());
  SmallVector<Value> inputs{getInput(), mean, rstd};
  SmallVector<AffineMap> maps{norm.full, norm.row, norm.row};
  for (Value vector : {getWeight(), getBias()}) {
    if (!vector)
      continue;
    inputs.push_back(vector);
    maps.push_back(norm.vector);
  }
  Value out = buildElementwise(builder, getLoc(), norm.type, inputs, maps, [&](const Scalars &s, ValueRange args) {
    Value result = s.mul(s.sub(args[0], args[1]), args[2]);
    if (getWeight())
      result = s.mul(result, args[3]);
    if (getBias())
      result = s.add(result, args.back());
    return result;
  });
  return SmallVector<Value>{out, mean, rstd};
}

FailureOr<SmallVector<Value>> LayerNormGradOp::decomposeOperation(OpBuilder &builder) {
  NormBuilder norm(builder, getInput());
  SmallVector<Value> inputs{getInput(), getMean(), getRstd(), getOutGrad()};
  SmallVector<AffineMap> maps{norm.full, norm.row, norm.row, norm.full};
  if (getWeight()) {
    inputs.push_back(getWeight());
    maps.push_back(norm.vector);
  }
  auto weighted = [&](const Scalars &s, ValueRange args) -> Value {
    return getWeight() ? s.mul(args[3], args[4]) : args[3];
  };
  auto normalised = [](const Scalars &s, ValueRange args) { return s.mul(s.sub(args[0], args[1]), args[2]); };
  Value meanGrad = norm.mean(inputs, maps, weighted);
  Value meanProduct = norm.mean(
      inputs, maps, [&](const Scalars &s, ValueRange args) { return s.mul(weighted(s, args), normalised(s, args)); });
  inputs.append({meanGrad, meanProduct});
  maps.append({norm.row, norm.row});
  Value result = buildElementwise(builder, getLoc(), norm.type, inputs, maps, [&](const Scalars &s, ValueRange args) {
    Value centred = s.sub(weighted(s, args), args[args.size() - 2]);
    return s.mul(args[2], s.sub(centred, s.mul(normalised(s, args), args.back())));
  });
  return SmallVector<Value>{result};
}

FailureOr<SmallVector<Value>> RMSNormOp::decomposeOperation(OpBuilder &builder) {
  NormBuilder norm(builder, getInput());
  Value square =
      norm.mean({getInput()}, {norm.full}, [](const Scalars &s, ValueRange args) { return s.mul(args[0], args[0]); });
  Value rstd = norm.rsqrtOf(square, getEps().convertToDouble());
  SmallVector<Value> inputs{getInput(), rstd};
  SmallVector<AffineMap> maps{norm.full, norm.row};
  if (getWeight()) {
    inputs.push_back(getWeight());
    maps.push_back(norm.vector);
  }
  Value out = buildElementwise(builder, getLoc(), norm.type, inputs, maps, [&](const Scalars &s, ValueRange args) {
    Value result = s.mul(args[0], args[1]);
    return getWeight() ? s.mul(result, args[2]) : result;
  });
  return SmallVector<Value>{out, rstd};
}

FailureOr<SmallVector<Value>> RMSNormGradOp::decomposeOperation(OpBuilder &builder) {
  NormBuilder norm(builder, getInput());
  SmallVector<Value> inputs{getInput(), getRstd(), getOutGrad()};
  SmallVector<AffineMap> maps{norm.full, norm.row, norm.full};
  if (getWeight()) {
    inputs.push_back(getWeight());
    maps.push_back(norm.vector);
  }
  auto weighted = [&](const Scalars &s, ValueRange args) -> Value {
    return getWeight() ? s.mul(args[2], args[3]) : args[2];
  };
  Value meanProduct = norm.mean(inputs, maps, [&](const Scalars &s, ValueRange args) {
    return s.mul(weighted(s, args), s.mul(args[0], args[1]));
  });
  inputs.push_back(meanProduct);
  maps.push_back(norm.row);
  Value result = buildElementwise(builder, getLoc(), norm.type, inputs, maps, [&](const Scalars &s, ValueRange args) {
    Value normalised = s.mul(args[0], args[1]);
    return s.mul(args[1], s.sub(weighted(s, args), s.mul(normalised, args.back())));
  });
  return SmallVector<Value>{result};
}

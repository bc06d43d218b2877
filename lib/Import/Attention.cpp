#include "Body.h"
#include "Operators.h"
#include "Random.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

constexpr int64_t kAttentionRank = 4;

/// [N, S, D] → [N, 1, S, D]: what PyTorch calls heads or batch makes no difference without shared key heads. Dimensions
/// before the heads are one batch, stretched to `batch` first.
Value withHeads(NodeBuilder &node, Value value, int64_t queryRank, ArrayRef<int64_t> batch) {
  if (node.failed())
    return nullptr;
  int64_t rank = node.rankOf(value);
  if (rank == 3 && queryRank == 3)
    return node.insertUnitDim(value, 1);
  Shape shape(node.shapeOf(value));
  if (rank > kAttentionRank || (rank == kAttentionRank && shape.front() != batch.back() && shape.front() == 1)) {
    Shape stretched(batch);
    stretched.append(shape.end() - (kAttentionRank - 1), shape.end());
    value = node.broadcast(value, stretched);
    int64_t size = 1;
    for (int64_t extent : batch)
      size *= extent;
    shape = {size, shape[rank - 3], shape[rank - 2], shape[rank - 1]};
  } else {
    shape.insert(shape.begin(), kAttentionRank - rank, 1);
  }
  return node.reshape(value, shape);
}

/// The operands of attention, with their heads: [B, H, S, D], [B, G, T, D], [B, G, T, E] and a mask or null.
struct Operands {
  Value query, key, value, mask;
  double scale;
  bool causal;
};

/// Reads and checks them.
Operands readOperands(NodeBuilder &node) {
  Operands operands{node.tensor("query"),
                    node.tensor("key"),
                    node.tensor("value"),
                    node.optionalTensor("attn_mask"),
                    0.0,
                    node.boolean("is_causal", false)};
  auto &[query, key, value, mask, scale, causal] = operands;
  bool shared = node.boolean("enable_gqa", false);
  if (node.failed())
    return operands;
  int64_t rank = node.rankOf(query);
  if (rank < 2 || node.rankOf(key) != rank || node.rankOf(value) != rank) {
    node.fail("attention of query " + node.describe(node.shapeOf(query)) + ", key " + node.describe(node.shapeOf(key)) +
              ", value " + node.describe(node.shapeOf(value)) + ", expected at least 2 dimensions and as many of each");
    return operands;
  }
  Shape batch(node.shapeOf(query).take_front(std::max<int64_t>(rank - 3, 0)));
  for (Value *operand : {&query, &key, &value})
    *operand = withHeads(node, *operand, rank, batch);
  if (mask && !node.failed()) {
    // A mask that is the same for the whole batch stays small.
    bool isShared =
        node.rankOf(mask) <= kAttentionRank && (node.rankOf(mask) < kAttentionRank || node.shapeOf(mask)[0] == 1);
    mask = withHeads(node, mask, rank, isShared ? ArrayRef<int64_t>(1) : ArrayRef<int64_t>(batch));
  }
  if (node.failed())
    return operands;

  Shape q(node.shapeOf(query)), k(node.shapeOf(key)), v(node.shapeOf(value));
  Type type = node.elementOf(query);
  // One head of keys broadcasts to all queries also where grouped heads are not asked for.
  bool groups = k[1] == q[1] || k[1] == 1 || (shared && k[1] > 0 && q[1] % k[1] == 0);
  if (k[0] != q[0] || v[0] != q[0] || k[3] != q[3] || v[2] != k[2] || v[1] != k[1] || !groups ||
      !isa<FloatType>(type) || node.elementOf(key) != type || node.elementOf(value) != type)
    node.fail("attention of query " + node.describe(q) + ", key " + node.describe(k) + ", value " + node.describe(v) +
              " of one floating-point type is not possible");
  else if (q[3] == 0)
    node.fail("attention over heads of size 0");
  else if (mask && (!broadcastsTo(node.shapeOf(mask), {q[0], q[1], q[2], k[2]}) ||
                    !(isa<FloatType>(node.elementOf(mask)) || node.elementOf(mask).isInteger(1))))
    node.fail("the mask of attention has shape " + node.describe(node.shapeOf(mask)) +
              ", which does not broadcast to " + node.describe({q[0], q[1], q[2], k[2]}));
  scale = node.real("scale", 1.0 / std::sqrt(double(std::max<int64_t>(q[3], 1))));
  return operands;
}

/// The scores of all pairs, scaled and masked: [B, H, S, T].
Value buildScores(NodeBuilder &node, const Operands &operands, Value query, Value keys, ArrayRef<int64_t> shape) {
  Type type = node.elementOf(query);
  Value scores = node.reshape(node.batchMatmul(query, node.transpose(keys, {0, 2, 1})), shape);
  if (node.failed())
    return nullptr;
  SmallVector<Value> inputs{scores};
  if (operands.mask)
    inputs.push_back(operands.mask);
  return node.mapElements(shape, inputs, type, [&](OpBuilder &builder, Location loc, ValueRange args) {
    Body body{builder, loc};
    Type wide = arithmeticType(type), i64 = builder.getI64Type();
    Value hidden = body.constant(wide, -std::numeric_limits<double>::infinity());
    Value score = body.mul(convertScalar(builder, loc, args[0], wide), body.constant(wide, operands.scale));
    if (operands.mask && args[1].getType().isInteger(1))
      score = body.select(args[1], score, hidden);
    else if (operands.mask)
      score = body.add(score, convertScalar(builder, loc, args[1], wide));
    if (operands.causal) {
      auto position = [&](int64_t dim) {
        return body.make<arith::IndexCastOp>(i64, linalg::IndexOp::create(builder, loc, dim).getResult());
      };
      score = body.select(body.compare(Body::Compare::LessEqual, position(3), position(2)), score, hidden);
    }
    return convertScalar(builder, loc, score, type);
  });
}

/// Attention whose probabilities are dropped out, taken apart: the gradient of each part is known.
Value droppedAttention(NodeBuilder &node, const Operands &operands, double p) {
  Shape q(node.shapeOf(operands.query)), k(node.shapeOf(operands.key)), v(node.shapeOf(operands.value));
  Type type = node.elementOf(operands.query);
  // Every query head reads a copy of its keys.
  auto spread = [&](Value value, const Shape &shape) {
    Value grouped = node.broadcast(node.reshape(value, {shape[0], shape[1], 1, shape[2], shape[3]}),
                                   {shape[0], shape[1], q[1] / shape[1], shape[2], shape[3]});
    return node.reshape(grouped, {q[0] * q[1], shape[2], shape[3]});
  };
  Value scores = buildScores(node, operands, node.reshape(operands.query, {q[0] * q[1], q[2], q[3]}),
                             spread(operands.key, k), {q[0], q[1], q[2], k[2]});
  auto add = [](OpBuilder &builder, Location loc, Value acc, Value element) {
    return Body{builder, loc}.add(acc, element);
  };
  auto max = [](OpBuilder &builder, Location loc, Value acc, Value element) {
    return Body{builder, loc}.max(acc, element);
  };
  // From the lowest finite number, so that a row that is all hidden stays apart from −inf − −inf.
  Value top = node.reduce(scores, {3}, /*keep=*/true, type, Scalar::ofFloat(std::numeric_limits<float>::lowest()), max);
  Value exponentials =
      node.elementwise({scores, top}, type, type, [](OpBuilder &builder, Location loc, ValueRange args) {
        Body body{builder, loc};
        return body.make<math::ExpOp>(body.sub(args[0], args[1]));
      });
  Value sums = node.reduce(exponentials, {3}, /*keep=*/true, type, Scalar::ofInt(0), add);
  Value probabilities =
      node.elementwise({exponentials, sums}, type, type, [](OpBuilder &builder, Location loc, ValueRange args) {
        return Body{builder, loc}.div(args[0], args[1]);
      });
  // The batch's dimension among those with heads; only leading dimensions and queries can be one.
  std::optional<int64_t> batchDim = node.batchDimension();
  int64_t rank = node.rankOf(node.tensor("query"));
  if (batchDim)
    batchDim = *batchDim < rank - 3 ? 0 : *batchDim == rank - 2 ? 2 : rank == 3 ? 0 : 1;
  Value dropped = buildDropout(node, probabilities, p, Stream::make(node, batchDim));
  if (node.failed())
    return nullptr;
  Value out = node.batchMatmul(node.reshape(dropped, {q[0] * q[1], q[2], k[2]}), spread(operands.value, v));
  return node.reshape(out, {q[0], q[1], q[2], v[3]});
}

LogicalResult attention(NodeBuilder &node) {
  Operands operands = readOperands(node);
  double p = node.real("dropout_p", 0.0);
  if (!node.failed() && !(p >= 0 && p <= 1))
    return node.fail("attention with dropout " + std::to_string(p) + ", expected 0 to 1"), failure();
  if (node.failed())
    return failure();
  Shape q(node.shapeOf(operands.query)), result(node.shapeOf(node.tensor("query")));
  result.back() = node.shapeOf(operands.value)[3];
  if (p > 0)
    return node.result(node.reshape(droppedAttention(node, operands, p), result));
  Type type = node.elementOf(operands.query);
  RankedTensorType out = node.tensorType({q[0], q[1], q[2], result.back()}, type);
  RankedTensorType lse = node.tensorType({q[0], q[1], q[2]}, arithmeticType(type));
  if (node.failed())
    return failure();
  auto op = nn::AttentionOp::create(node.builder, node.loc, TypeRange{out, lse}, operands.query, operands.key,
                                    operands.value, operands.mask, node.builder.getF64FloatAttr(operands.scale),
                                    operands.causal ? node.builder.getUnitAttr() : UnitAttr());
  return node.result(node.reshape(op.getOut(), result));
}

} // namespace

void registerAttentionOperators(OperatorTable &table) {
  table.add("aten.scaled_dot_product_attention.default", attention);
}

} // namespace raddle::import

#include "Operators.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

constexpr int64_t kAttentionRank = 4;

/// [N, S, D] → [N, 1, S, D]: what PyTorch calls heads or batch makes no difference without shared key heads.
Value withHeads(NodeBuilder &node, Value value, int64_t queryRank) {
  if (node.failed())
    return nullptr;
  int64_t rank = node.rankOf(value);
  if (rank == 3 && queryRank == 3)
    return node.insertUnitDim(value, 1);
  if (rank > kAttentionRank)
    return node.fail("attention of a tensor of rank " + Twine(rank) + ", expected at most " + Twine(kAttentionRank));
  Shape shape(kAttentionRank - rank, 1);
  llvm::append_range(shape, node.shapeOf(value));
  return node.reshape(value, shape);
}

LogicalResult attention(NodeBuilder &node) {
  Value query = node.tensor("query"), key = node.tensor("key"), value = node.tensor("value");
  Value mask = node.optionalTensor("attn_mask");
  bool causal = node.boolean("is_causal", false), shared = node.boolean("enable_gqa", false);
  if (node.failed())
    return failure();
  Shape result(node.shapeOf(query));
  int64_t rank = result.size();
  if (rank < 2)
    return node.fail("attention of a query of shape " + node.describe(result) + ", expected at least 2 dimensions"),
           failure();
  query = withHeads(node, query, rank);
  key = withHeads(node, key, rank);
  value = withHeads(node, value, rank);
  mask = mask ? withHeads(node, mask, rank) : mask;
  if (node.failed())
    return failure();

  Shape q(node.shapeOf(query)), k(node.shapeOf(key)), v(node.shapeOf(value));
  Type type = node.elementOf(query);
  // One head of keys broadcasts to all queries also where grouped heads are not asked for.
  bool groups = k[1] == q[1] || k[1] == 1 || (shared && k[1] > 0 && q[1] % k[1] == 0);
  if (k[0] != q[0] || v[0] != q[0] || k[3] != q[3] || v[2] != k[2] || v[1] != k[1] || !groups ||
      !isa<FloatType>(type) || node.elementOf(key) != type || node.elementOf(value) != type)
    return node.fail("attention of query " + node.describe(q) + ", key " + node.describe(k) + ", value " +
                     node.describe(v) + " of one floating-point type is not possible"),
           failure();
  if (q[3] == 0)
    return node.fail("attention over heads of size 0"), failure();
  if (mask) {
    Type maskType = node.elementOf(mask);
    if (!broadcastsTo(node.shapeOf(mask), {q[0], q[1], q[2], k[2]}) ||
        !(isa<FloatType>(maskType) || maskType.isInteger(1)))
      return node.fail("the mask of attention has shape " + node.describe(node.shapeOf(mask)) +
                       ", which does not broadcast to " + node.describe({q[0], q[1], q[2], k[2]})),
             failure();
  }
  double scale = node.real("scale", 1.0 / std::sqrt(double(q[3])));
  if (node.failed())
    return failure();

  RankedTensorType out = node.tensorType({q[0], q[1], q[2], v[3]}, type);
  RankedTensorType lse = node.tensorType({q[0], q[1], q[2]}, type);
  if (node.failed())
    return failure();
  auto op =
      nn::AttentionOp::create(node.builder, node.loc, TypeRange{out, lse}, query, key, value, mask,
                              node.builder.getF64FloatAttr(scale), causal ? node.builder.getUnitAttr() : UnitAttr());
  result.back() = v[3];
  return node.result(node.reshape(op.getOut(), result));
}

} // namespace

void registerAttentionOperators(OperatorTable &table) {
  table.add("aten.scaled_dot_product_attention.default", attention);
}

} // namespace raddle::import

// Masks of padding and of causality are comparisons of positions, broadcast, combined and made additive by ops that
// move or combine elements. They are followed back from one element [b, h, s, t] of the mask.
#include "VisibleKeys.h"

#include "ElementSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace raddle {

namespace {

constexpr unsigned kRank = 4; // batch, head, query, key: d0 to d3 of all expressions

bool isMinusInfinity(const Element &element) {
  FloatAttr::ValueType value(0.0f);
  return matchPattern(follow(element).value, m_ConstantFloat(&value)) && value.isInfinity() && value.isNegative();
}

bool isBoolean(const Element &element, bool wanted) {
  APInt value;
  return matchPattern(follow(element).value, m_ConstantInt(&value)) && value.isOne() == wanted;
}

/// Collects conditions that are all to hold where a key is visible.
class MaskReader {
public:
  MaskReader(MLIRContext *context, ArrayRef<int64_t> mask, int64_t queries, int64_t keys)
      : context(context), lowest(kRank, 0) {
    for (int64_t extent : mask)
      highest.push_back(extent - 1);
    query = index(2, queries);
    key = index(3, keys);
  }

  /// The index of a dimension; that of one element is zero, so that equal indices are equal expressions.
  AffineExpr index(unsigned dim, int64_t extent) const {
    return extent == 1 ? getAffineConstantExpr(0, context) : getAffineDimExpr(dim, context);
  }

  /// Keys are visible where a boolean is `wanted`.
  bool addBoolean(const Element &start, bool wanted) {
    Element element = follow(start);
    if (isBoolean(element, wanted))
      return true;
    Operation *op = element.value.getDefiningOp();
    // A condition that is used many times would be read as often.
    if (!op || ++conditions > kMostConditions)
      return false;
    auto operand = [&](unsigned i) { return Element{op->getOperand(i), element.at}; };
    if (wanted ? isa<arith::AndIOp>(op) : isa<arith::OrIOp>(op))
      return addBoolean(operand(0), wanted) && addBoolean(operand(1), wanted);
    if (isa<arith::XOrIOp>(op))
      return isBoolean(operand(1), true) && addBoolean(operand(0), !wanted);
    if (isa<arith::SelectOp>(op)) {
      if (isBoolean(operand(2), !wanted))
        return addBoolean(operand(0), true) && addBoolean(operand(1), wanted);
      return isBoolean(operand(1), !wanted) && addBoolean(operand(0), false) && addBoolean(operand(2), wanted);
    }
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return addComparison(wanted ? compare.getPredicate() : arith::invertPredicate(compare.getPredicate()), operand(0),
                           operand(1));
    return false;
  }

  /// Keys are visible where a number is zero; elsewhere it is −inf.
  bool addAdditive(const Element &start) {
    Element element = follow(start);
    if (matchPattern(element.value, m_AnyZeroFloat()))
      return true;
    Operation *op = element.value.getDefiningOp();
    if (!op || ++conditions > kMostConditions)
      return false;
    auto operand = [&](unsigned i) { return Element{op->getOperand(i), element.at}; };
    if (isa<arith::ExtFOp, arith::TruncFOp>(op))
      return addAdditive(operand(0));
    if (isa<arith::AddFOp>(op))
      return addAdditive(operand(0)) && addAdditive(operand(1));
    if (!isa<arith::SelectOp>(op))
      return false;
    if (isMinusInfinity(operand(2)))
      return addBoolean(operand(0), true) && addAdditive(operand(1));
    return isMinusInfinity(operand(1)) && addBoolean(operand(0), false) && addAdditive(operand(2));
  }

  VisibleKeys visible;
  StringRef reason;

private:
  static constexpr unsigned kMostConditions = 64;

  bool addComparison(arith::CmpIPredicate predicate, const Element &a, const Element &b) {
    switch (predicate) {
    case arith::CmpIPredicate::slt:
      return addOrder(a, b, /*strict=*/true);
    case arith::CmpIPredicate::sle:
      return addOrder(a, b, /*strict=*/false);
    case arith::CmpIPredicate::sgt:
      return addOrder(b, a, /*strict=*/true);
    case arith::CmpIPredicate::sge:
      return addOrder(b, a, /*strict=*/false);
    default:
      return false;
    }
  }

  /// a < b, or a ≤ b.
  bool addOrder(const Element &a, const Element &b, bool strict) {
    std::optional<AffineExpr> low = positionOf(a), high = positionOf(b);
    if (low && high) {
      // It is not to exceed zero.
      AffineExpr difference = simplify(*low - *high + (strict ? 1 : 0));
      std::optional<int64_t> most = getBoundForAffineExpr(difference, kRank, 0, lowest, highest, /*isUpper=*/true);
      if (most && *most <= 0)
        return true;
      if (difference == simplify(key - query))
        return visible.causal = true;
    }
    if (low && !high && strict && *low == key && addLengths(b))
      return true;
    if (low || high)
      reason = "it compares a position with something else than the length of its element of the batch (key < length) "
               "or the query's position (key <= query)";
    return false;
  }

  /// Of an integer that is computed from indices alone. No tensor has 2^31 of them, so that 64 bits hold all sums.
  std::optional<AffineExpr> positionOf(const Element &start) {
    Element element = follow(start);
    constexpr int64_t limit = std::numeric_limits<int32_t>::max();
    APInt constant;
    if (matchPattern(element.value, m_ConstantInt(&constant)))
      return constant.abs().ule(limit) ? std::optional(getAffineConstantExpr(constant.getSExtValue(), context))
                                       : std::nullopt;
    Operation *op = element.value.getDefiningOp();
    if (auto loop = dyn_cast_or_null<linalg::IndexOp>(op))
      return element.at[loop.getDim()];
    if (!op || ++conditions > kMostConditions)
      return std::nullopt;
    auto operand = [&](unsigned i) { return positionOf({op->getOperand(i), element.at}); };
    Type type = getElementTypeOrSelf(element.value);
    unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
    if (isa<arith::IndexCastOp, arith::ExtSIOp>(op) && width >= 32)
      return operand(0);
    if (!isa<arith::AddIOp, arith::SubIOp>(op) || width != 64)
      return std::nullopt;
    std::optional<AffineExpr> a = operand(0), b = operand(1);
    if (!a || !b)
      return std::nullopt;
    return simplify(isa<arith::AddIOp>(op) ? *a + *b : *a - *b);
  }

  /// The nearest tensor that the element is read from and that has one for each element of the batch, or one for all.
  bool addLengths(const Element &element) {
    for (std::optional<Element> next = element; next; next = sourceOf(*next)) {
      if (auto wider = next->value.getDefiningOp<arith::ExtSIOp>())
        next->value = wider.getIn();
      auto type = dyn_cast<RankedTensorType>(next->value.getType());
      if (!type || !type.hasStaticShape() ||
          !(type.getElementType().isSignlessInteger(32) || type.getElementType().isSignlessInteger(64)))
        continue;
      AffineExpr place = getAffineConstantExpr(0, context);
      for (auto [index, extent] : llvm::zip(next->at, type.getShape()))
        place = place * extent + index;
      if (std::optional<int64_t> step = stepOf(simplify(place))) {
        if (visible.lengths && (visible.lengths != next->value || visible.step != *step))
          return false;
        visible.lengths = next->value;
        visible.step = *step;
        return true;
      }
    }
    return false;
  }

  /// Of an index that is so many times that of the batch.
  std::optional<int64_t> stepOf(AffineExpr place) const {
    AffineExpr batch = getAffineDimExpr(0, context);
    if (place == getAffineConstantExpr(0, context))
      return 0;
    if (place == batch)
      return 1;
    auto product = dyn_cast<AffineBinaryOpExpr>(place);
    if (!product || product.getKind() != AffineExprKind::Mul || product.getLHS() != batch)
      return std::nullopt;
    auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
    return factor && factor.getValue() > 0 ? std::optional(factor.getValue()) : std::nullopt;
  }

  static AffineExpr simplify(AffineExpr expr) { return simplifyAffineExpr(expr, kRank, 0); }

  MLIRContext *context;
  AffineExpr query, key;
  SmallVector<std::optional<int64_t>> lowest, highest; // of the mask's indices
  unsigned conditions = 0;
};

} // namespace

std::optional<VisibleKeys> readMask(Value mask, int64_t queries, int64_t keys, StringRef &reason) {
  auto type = cast<RankedTensorType>(mask.getType());
  MaskReader reader(mask.getContext(), type.getShape(), queries, keys);
  Element element{mask, {}};
  for (auto [dim, extent] : llvm::enumerate(type.getShape()))
    element.at.push_back(reader.index(dim, extent));
  if (type.getElementType().isInteger(1) ? reader.addBoolean(element, true) : reader.addAdditive(element))
    return reader.visible;
  reason = reader.reason;
  return std::nullopt;
}

} // namespace raddle

// Functions of single precision in a form that LLVM turns into short vector code.
#include "KernelBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace raddle {
namespace {

/// Scalar arithmetic whose products and sums may be contracted where the processor can.
class Arithmetic {
public:
  Arithmetic(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  Value constant(float value) { return arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(value)); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b, contract); }
  Value subtract(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b, contract); }
  Value multiply(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b, contract); }

  /// Horner's rule, from the coefficient of the highest power down.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = constant(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = add(multiply(sum, x), constant(coefficient));
    return sum;
  }

  /// One instruction each that leaves NaN as it is.
  Value atLeast(Value x, float bound) { return choose(arith::CmpFPredicate::OGT, bound, x); }
  Value atMost(Value x, float bound) { return choose(arith::CmpFPredicate::OLT, bound, x); }

  /// The number whose bits are those of `x` without its `count` highest ones, followed by as many zeros.
  Value shiftBitsLeft(Value x, int64_t count) {
    Type i32 = builder.getI32Type();
    Value bits = arith::BitcastOp::create(builder, loc, i32, x);
    Value places = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(count));
    Value shifted = arith::ShLIOp::create(builder, loc, bits, places);
    return arith::BitcastOp::create(builder, loc, x.getType(), shifted);
  }

private:
  Value choose(arith::CmpFPredicate predicate, float bound, Value x) {
    Value limit = constant(bound);
    Value chosen = arith::CmpFOp::create(builder, loc, predicate, limit, x);
    return arith::SelectOp::create(builder, loc, chosen, limit, x);
  }

  OpBuilder &builder;
  Location loc;
  static constexpr arith::FastMathFlags contract = arith::FastMathFlags::contract;
};

/// exp(x) = 2^(n - 1) · 2 exp(r) with n the whole number next to x / ln 2 and |r| at most ln 2 / 2. The factor 2 lets
/// the power be a normal number wherever the result is finite. At most 2.3 units in the last place from the exact
/// value, 2 where products and sums are contracted; what is below 2^-125.5 becomes 0, what is above the largest number
/// infinite.
struct Exponential : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return failure();
    // Adding 1.5 · 2^23 leaves a whole number in the lowest bits, here n - 1 with the bias of an exponent.
    constexpr float roundingShift = 12582912.0f + 126.0f;
    constexpr float log2e = 1.44269504088896341f;
    // ln 2 in two parts: products of the first with n are exact.
    constexpr float ln2High = 0.693359375f, ln2Low = -2.12194440e-4f;
    // Where n - 1 is one less than the least exponent, and one more than the largest: powers are 0 and infinite.
    constexpr float lowest = -87.4f, highest = 89.0f;
    // Minimax of the relative error of 2 exp(r).
    constexpr float coefficients[] = {0.016579000279307365f, 0.08379635214805603f, 0.3333530128002167f,
                                      0.9999829530715942f,   1.9999994039535522f,  2.0f};
    Arithmetic a(rewriter, op.getLoc());
    Value x = a.atMost(a.atLeast(op.getOperand(), lowest), highest);
    Value shifted = a.add(a.multiply(x, a.constant(log2e)), a.constant(roundingShift));
    Value n = a.subtract(shifted, a.constant(roundingShift));
    Value r = a.subtract(x, a.multiply(n, a.constant(ln2High)));
    r = a.subtract(r, a.multiply(n, a.constant(ln2Low)));
    constexpr int64_t mantissaBits = 23;
    rewriter.replaceOp(op, a.multiply(a.polynomial(r, coefficients), a.shiftBitsLeft(shifted, mantissaBits)));
    return success();
  }
};

} // namespace

void populateFunctionPatterns(RewritePatternSet &patterns) {
  patterns.add<Exponential>(patterns.getContext(), /*benefit=*/2);
  populateMathPolynomialApproximationPatterns(patterns);
}

} // namespace raddle

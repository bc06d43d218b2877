#include "ScalarDerivative.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

void ScalarAdjoints::add(Value value, Value adjoint) {
  if (!isa<FloatType>(value.getType()))
    return;
  Value &slot = adjoints[value];
  slot = slot ? arith::AddFOp::create(builder, adjoint.getLoc(), slot, adjoint).getResult() : adjoint;
}

namespace {

/// Derivatives of ops with one operand: from (scalars, operand x, result y) to dy/dx.
using UnaryRule = Value (*)(const Scalars &, Value, Value);

Value one(const Scalars &s, Value like) { return s.constantLike(like, 1.0); }

/// 1 / sqrt(±1 ± x²), with the signs of the three inverse functions that need it.
Value inverseRoot(const Scalars &s, Value x, double constant, double square) {
  Value squared = s.mul(s.mul(x, x), s.constantLike(x, square));
  return s.rsqrt(s.add(s.constantLike(x, constant), squared));
}

/// Trigonometric and hyperbolic functions and their inverses.
UnaryRule findTrigonometricRule(Operation *op) {
  return llvm::TypeSwitch<Operation *, UnaryRule>(op)
      .Case([](math::SinOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) -> Value { return math::CosOp::create(s.builder, s.loc, x); };
      })
      .Case([](math::CosOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.neg(math::SinOp::create(s.builder, s.loc, x)); };
      })
      .Case([](math::TanOp) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.add(one(s, y), s.mul(y, y)); };
      })
      .Case([](math::AsinOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return inverseRoot(s, x, 1.0, -1.0); };
      })
      .Case([](math::AcosOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.neg(inverseRoot(s, x, 1.0, -1.0)); };
      })
      .Case([](math::AtanOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.div(one(s, x), s.add(one(s, x), s.mul(x, x))); };
      })
      .Case([](math::SinhOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) -> Value { return math::CoshOp::create(s.builder, s.loc, x); };
      })
      .Case([](math::CoshOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) -> Value { return math::SinhOp::create(s.builder, s.loc, x); };
      })
      .Case([](math::TanhOp) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.sub(one(s, y), s.mul(y, y)); };
      })
      .Case([](math::AsinhOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return inverseRoot(s, x, 1.0, 1.0); };
      })
      .Case([](math::AcoshOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return inverseRoot(s, x, -1.0, 1.0); };
      })
      .Case([](math::AtanhOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.div(one(s, x), s.sub(one(s, x), s.mul(x, x))); };
      })
      .Default([](Operation *) -> UnaryRule { return nullptr; });
}

UnaryRule findUnaryRule(Operation *op) {
  return llvm::TypeSwitch<Operation *, UnaryRule>(op)
      .Case([](math::ExpOp) -> UnaryRule { return [](const Scalars &, Value, Value y) { return y; }; })
      .Case([](math::Exp2Op) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.mul(y, s.constantLike(y, llvm::numbers::ln2)); };
      })
      .Case([](math::ExpM1Op) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.add(y, one(s, y)); };
      })
      .Case(
          [](math::LogOp) -> UnaryRule { return [](const Scalars &s, Value x, Value) { return s.div(one(s, x), x); }; })
      .Case([](math::Log2Op) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.div(s.constantLike(x, llvm::numbers::log2e), x); };
      })
      .Case([](math::Log1pOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.div(one(s, x), s.add(one(s, x), x)); };
      })
      .Case([](math::SqrtOp) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.div(s.constantLike(y, 0.5), y); };
      })
      .Case([](math::RsqrtOp) -> UnaryRule {
        return [](const Scalars &s, Value, Value y) { return s.mul(s.constantLike(y, -0.5), s.mul(y, s.mul(y, y))); };
      })
      .Case([](math::Log10Op) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.div(s.constantLike(x, 1.0 / llvm::numbers::ln10), x); };
      })
      .Case([](math::ErfOp) -> UnaryRule {
        // erf'(x) = 2 / sqrt(pi) exp(-x²)
        return [](const Scalars &s, Value x, Value) {
          return s.mul(s.constantLike(x, 2.0 * llvm::numbers::inv_sqrtpi), s.exp(s.neg(s.mul(x, x))));
        };
      })
      .Case([](math::ErfcOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) {
          return s.mul(s.constantLike(x, -2.0 * llvm::numbers::inv_sqrtpi), s.exp(s.neg(s.mul(x, x))));
        };
      })
      .Case([](math::AbsFOp) -> UnaryRule {
        // 0 at 0, as in PyTorch: sign(0) = 0.
        return [](const Scalars &s, Value x, Value) {
          Value zero = s.constantLike(x, 0.0);
          auto compare = [&](arith::CmpFPredicate predicate) -> Value {
            return arith::CmpFOp::create(s.builder, s.loc, predicate, x, zero);
          };
          Value negative = s.select(compare(arith::CmpFPredicate::OLT), s.constantLike(x, -1.0), zero);
          return s.select(compare(arith::CmpFPredicate::OGT), one(s, x), negative);
        };
      })
      .Case([](arith::NegFOp) -> UnaryRule {
        return [](const Scalars &s, Value x, Value) { return s.constantLike(x, -1.0); };
      })
      .Default([](Operation *op) -> UnaryRule { return findTrigonometricRule(op); });
}

/// Half of the adjoint to each operand where they tie, as PyTorch's maximum and minimum have it. Where one is NaN, both
/// get all of it.
void propagateExtremum(ScalarAdjoints &adjoints, const Scalars &s, Operation *op, Value adjoint) {
  Value lhs = op->getOperand(0), rhs = op->getOperand(1);
  bool isMaximum = isa<arith::MaximumFOp, arith::MaxNumFOp>(op);
  auto compare = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpFOp::create(s.builder, s.loc, predicate, a, b);
  };
  Value zero = s.constantLike(adjoint, 0.0);
  Value share =
      s.select(compare(arith::CmpFPredicate::OEQ, lhs, rhs), s.mul(adjoint, s.constantLike(adjoint, 0.5)), adjoint);
  Value lhsLess = compare(arith::CmpFPredicate::OLT, lhs, rhs), rhsLess = compare(arith::CmpFPredicate::OGT, lhs, rhs);
  adjoints.add(lhs, s.select(isMaximum ? lhsLess : rhsLess, zero, share));
  adjoints.add(rhs, s.select(isMaximum ? rhsLess : lhsLess, zero, share));
}

/// atan2(y, x): x / (x² + y²) and −y / (x² + y²), 0 where both are 0.
void propagateAtan2(ScalarAdjoints &adjoints, const Scalars &s, math::Atan2Op op, Value adjoint) {
  Value y = op.getLhs(), x = op.getRhs(), zero = s.constantLike(adjoint, 0.0);
  Value square = s.add(s.mul(x, x), s.mul(y, y));
  Value isZero = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, square, zero);
  Value scaled = s.div(adjoint, s.select(isZero, one(s, square), square));
  adjoints.add(y, s.select(isZero, zero, s.mul(scaled, x)));
  adjoints.add(x, s.select(isZero, zero, s.neg(s.mul(scaled, y))));
}

/// copysign(x, y): ±1 by whether the sign of x changed, 0 at 0; y's sign is a step.
void propagateCopySign(ScalarAdjoints &adjoints, const Scalars &s, math::CopySignOp op, Value adjoint) {
  Value x = op.getLhs(), zero = s.constantLike(adjoint, 0.0);
  Value isZero = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, x, zero);
  Value same = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, x, op.getResult());
  adjoints.add(x, s.select(isZero, zero, s.select(same, adjoint, s.neg(adjoint))));
}

/// z where `op` is 1 / (1 + exp(z)), the logistic function of −z; null otherwise.
Value matchLogistic(arith::DivFOp op) {
  auto add = op.getRhs().getDefiningOp<arith::AddFOp>();
  if (!add || !matchPattern(op.getLhs(), m_OneFloat()))
    return {};
  for (auto [one, other] : {std::pair{add.getLhs(), add.getRhs()}, {add.getRhs(), add.getLhs()}})
    if (auto exp = other.getDefiningOp<math::ExpOp>(); exp && matchPattern(one, m_OneFloat()))
      return exp.getOperand();
  return {};
}

/// base^exponent: d/dbase = e b^(e − 1), 0 where e = 0; d/dexponent = b^e ln b, 0 where b = 0 and e ≥ 0.
void propagatePower(ScalarAdjoints &adjoints, const Scalars &s, math::PowFOp op, Value adjoint) {
  Value base = op.getLhs(), exponent = op.getRhs(), zero = s.constantLike(adjoint, 0.0);
  auto compare = [&](arith::CmpFPredicate predicate, Value value) -> Value {
    return arith::CmpFOp::create(s.builder, s.loc, predicate, value, zero);
  };
  Value lower = math::PowFOp::create(s.builder, s.loc, base, s.sub(exponent, one(s, exponent)));
  Value slope = s.select(compare(arith::CmpFPredicate::OEQ, exponent), zero, s.mul(exponent, lower));
  adjoints.add(base, s.mul(adjoint, slope));
  // A constant exponent needs no logarithm, which a negative base does not have.
  if (exponent.getDefiningOp<arith::ConstantOp>())
    return;
  Value atZero = arith::AndIOp::create(s.builder, s.loc, compare(arith::CmpFPredicate::OEQ, base),
                                       compare(arith::CmpFPredicate::OGE, exponent));
  adjoints.add(exponent, s.mul(adjoint, s.select(atZero, zero, s.mul(op.getResult(), s.log(base)))));
}

} // namespace

LogicalResult ScalarAdjoints::propagate(Operation *op) {
  if (op->getNumResults() != 1)
    return success(op->getNumResults() == 0);
  Value adjoint = get(op->getResult(0));
  if (!adjoint)
    return success();
  Scalars s{builder, op->getLoc()};
  if (UnaryRule rule = findUnaryRule(op)) {
    add(op->getOperand(0), s.mul(adjoint, rule(s, op->getOperand(0), op->getResult(0))));
    return success();
  }
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](arith::AddFOp op) {
        add(op.getLhs(), adjoint);
        add(op.getRhs(), adjoint);
        return success();
      })
      .Case([&](arith::SubFOp op) {
        add(op.getLhs(), adjoint);
        add(op.getRhs(), s.neg(adjoint));
        return success();
      })
      .Case([&](arith::MulFOp op) {
        add(op.getLhs(), s.mul(adjoint, op.getRhs()));
        add(op.getRhs(), s.mul(adjoint, op.getLhs()));
        return success();
      })
      .Case([&](arith::DivFOp op) {
        // Through the exponential, which overflows where the function is flat, the derivative would be 0 · ∞.
        if (Value z = matchLogistic(op)) {
          Value slope = s.mul(op.getResult(), s.sub(one(s, op.getResult()), op.getResult()));
          add(z, s.neg(s.mul(adjoint, slope)));
          return success();
        }
        Value quotient = s.div(adjoint, op.getRhs());
        add(op.getLhs(), quotient);
        add(op.getRhs(), s.neg(s.mul(quotient, op.getResult())));
        return success();
      })
      .Case([&](math::FmaOp op) {
        add(op.getA(), s.mul(adjoint, op.getB()));
        add(op.getB(), s.mul(adjoint, op.getA()));
        add(op.getC(), adjoint);
        return success();
      })
      .Case([&](arith::SelectOp op) {
        Value zero = s.constantLike(adjoint, 0.0);
        add(op.getTrueValue(), s.select(op.getCondition(), adjoint, zero));
        add(op.getFalseValue(), s.select(op.getCondition(), zero, adjoint));
        return success();
      })
      .Case<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>([&](auto op) {
        propagateExtremum(*this, s, op, adjoint);
        return success();
      })
      .Case([&](math::Atan2Op op) {
        propagateAtan2(*this, s, op, adjoint);
        return success();
      })
      .Case([&](math::CopySignOp op) {
        propagateCopySign(*this, s, op, adjoint);
        return success();
      })
      .Case([&](arith::RemFOp op) {
        // x − y · trunc(x / y)
        add(op.getLhs(), adjoint);
        Value quotient = math::TruncOp::create(builder, s.loc, s.div(op.getLhs(), op.getRhs()));
        add(op.getRhs(), s.neg(s.mul(adjoint, quotient)));
        return success();
      })
      .Case([&](math::PowFOp op) {
        propagatePower(*this, s, op, adjoint);
        return success();
      })
      .Case([&](math::FPowIOp op) {
        // n x^(n − 1)
        Value integerOne = s.constant(op.getRhs().getType(), 1.0);
        Value lower = math::FPowIOp::create(builder, s.loc, op.getLhs(), s.sub(op.getRhs(), integerOne));
        Value n = arith::SIToFPOp::create(builder, s.loc, adjoint.getType(), op.getRhs());
        add(op.getLhs(), s.mul(adjoint, s.mul(n, lower)));
        return success();
      })
      .Case([&](arith::ExtFOp op) {
        add(op.getIn(), arith::TruncFOp::create(builder, s.loc, op.getIn().getType(), adjoint));
        return success();
      })
      .Case([&](arith::TruncFOp op) {
        add(op.getIn(), arith::ExtFOp::create(builder, s.loc, op.getIn().getType(), adjoint));
        return success();
      })
      // Steps are flat; integers and constants end the path.
      .Case<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp, math::TruncOp, arith::ConstantOp,
            arith::SIToFPOp, arith::UIToFPOp, arith::BitcastOp>([](auto) { return success(); })
      // A captured tensor: the caller refuses it if it matters.
      .Case([](tensor::ExtractOp) { return success(); })
      .Default([](Operation *) { return failure(); });
}

} // namespace raddle

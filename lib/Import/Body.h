#ifndef RADDLE_LIB_IMPORT_BODY_H
#define RADDLE_LIB_IMPORT_BODY_H

#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

namespace raddle::import {

/// Arithmetic on elements in the body of a `linalg.generic`, by the kind of the operands' type: booleans add as "or"
/// and multiply as "and".
struct Body {
  mlir::OpBuilder &builder;
  mlir::Location loc;

  enum class Compare { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual };

  template <typename Op, typename... Args> mlir::Value make(Args... args) const {
    return Op::create(builder, loc, args...).getResult();
  }
  static bool isFloat(mlir::Value value) { return llvm::isa<mlir::FloatType>(value.getType()); }
  static bool isBool(mlir::Value value) { return value.getType().isInteger(1); }

  mlir::Value constant(mlir::Type type, double value) const {
    return scalarConstant(builder, loc, type, Scalar::ofFloat(value));
  }
  mlir::Value constant(mlir::Type type, const Scalar &value) const { return scalarConstant(builder, loc, type, value); }

  mlir::Value add(mlir::Value lhs, mlir::Value rhs) const {
    return isFloat(lhs)  ? make<mlir::arith::AddFOp>(lhs, rhs)
           : isBool(lhs) ? make<mlir::arith::OrIOp>(lhs, rhs)
                         : make<mlir::arith::AddIOp>(lhs, rhs);
  }
  mlir::Value sub(mlir::Value lhs, mlir::Value rhs) const {
    return isFloat(lhs) ? make<mlir::arith::SubFOp>(lhs, rhs) : make<mlir::arith::SubIOp>(lhs, rhs);
  }
  mlir::Value mul(mlir::Value lhs, mlir::Value rhs) const {
    return isFloat(lhs) ? make<mlir::arith::MulFOp>(lhs, rhs) : make<mlir::arith::MulIOp>(lhs, rhs);
  }
  mlir::Value div(mlir::Value lhs, mlir::Value rhs) const { return make<mlir::arith::DivFOp>(lhs, rhs); }
  mlir::Value neg(mlir::Value value) const {
    return isFloat(value) ? make<mlir::arith::NegFOp>(value) : sub(constant(value.getType(), 0), value);
  }
  /// NaN wins, as in PyTorch.
  mlir::Value max(mlir::Value lhs, mlir::Value rhs) const {
    return isFloat(lhs)  ? make<mlir::arith::MaximumFOp>(lhs, rhs)
           : isBool(lhs) ? make<mlir::arith::OrIOp>(lhs, rhs)
                         : make<mlir::arith::MaxSIOp>(lhs, rhs);
  }
  mlir::Value min(mlir::Value lhs, mlir::Value rhs) const {
    return isFloat(lhs)  ? make<mlir::arith::MinimumFOp>(lhs, rhs)
           : isBool(lhs) ? make<mlir::arith::AndIOp>(lhs, rhs)
                         : make<mlir::arith::MinSIOp>(lhs, rhs);
  }
  mlir::Value select(mlir::Value condition, mlir::Value yes, mlir::Value no) const {
    return make<mlir::arith::SelectOp>(condition, yes, no);
  }
  /// False where an operand is NaN, except for NotEqual.
  mlir::Value compare(Compare kind, mlir::Value lhs, mlir::Value rhs) const;
  mlir::Value isNan(mlir::Value value) const { return compare(Compare::NotEqual, value, value); }
  mlir::Value both(mlir::Value lhs, mlir::Value rhs) const { return make<mlir::arith::AndIOp>(lhs, rhs); }
  mlir::Value either(mlir::Value lhs, mlir::Value rhs) const { return make<mlir::arith::OrIOp>(lhs, rhs); }
  mlir::Value compare(Compare kind, mlir::Value lhs, double rhs) const {
    return compare(kind, lhs, constant(lhs.getType(), rhs));
  }
  mlir::Value add(mlir::Value lhs, double rhs) const { return add(lhs, constant(lhs.getType(), rhs)); }
  mlir::Value sub(mlir::Value lhs, double rhs) const { return sub(lhs, constant(lhs.getType(), rhs)); }
  mlir::Value mul(mlir::Value lhs, double rhs) const { return mul(lhs, constant(lhs.getType(), rhs)); }
  mlir::Value div(mlir::Value lhs, double rhs) const { return div(lhs, constant(lhs.getType(), rhs)); }
  mlir::Value select(mlir::Value condition, double yes, mlir::Value no) const {
    return select(condition, constant(no.getType(), yes), no);
  }
  mlir::Value exp(mlir::Value value) const { return make<mlir::math::ExpOp>(value); }
  mlir::Value log(mlir::Value value) const { return make<mlir::math::LogOp>(value); }
  mlir::Value sqrt(mlir::Value value) const { return make<mlir::math::SqrtOp>(value); }
  mlir::Value abs(mlir::Value value) const {
    if (isBool(value))
      return value;
    return isFloat(value) ? make<mlir::math::AbsFOp>(value) : make<mlir::math::AbsIOp>(value);
  }
  /// The angle of the point (x, y). At the origin, which lowerings of atan2 divide by, it is 0 or ±π by the signs of
  /// the zeros, without a gradient.
  mlir::Value angle(mlir::Value y, mlir::Value x) const {
    mlir::Type type = y.getType();
    mlir::Value one = constant(type, 1), flat = constant(type, 0);
    mlir::Value isOrigin = both(compare(Compare::Equal, y, 0), compare(Compare::Equal, x, 0));
    mlir::Value isLeft = compare(Compare::Less, make<mlir::math::CopySignOp>(one, x), 0);
    mlir::Value atOrigin = make<mlir::math::CopySignOp>(select(isLeft, llvm::numbers::pi, flat), y);
    return select(isOrigin, atOrigin, make<mlir::math::Atan2Op>(y, select(isOrigin, one, x)));
  }
  mlir::Value logistic(mlir::Value value) const {
    mlir::Value one = constant(value.getType(), 1);
    return div(one, add(one, make<mlir::math::ExpOp>(neg(value))));
  }
};

inline mlir::Value Body::compare(Compare kind, mlir::Value lhs, mlir::Value rhs) const {
  using namespace mlir::arith;
  static constexpr CmpFPredicate kFloat[] = {CmpFPredicate::OEQ, CmpFPredicate::UNE, CmpFPredicate::OLT,
                                             CmpFPredicate::OLE, CmpFPredicate::OGT, CmpFPredicate::OGE};
  static constexpr CmpIPredicate kSigned[] = {CmpIPredicate::eq,  CmpIPredicate::ne,  CmpIPredicate::slt,
                                              CmpIPredicate::sle, CmpIPredicate::sgt, CmpIPredicate::sge};
  // A boolean's one bit is no sign.
  static constexpr CmpIPredicate kUnsigned[] = {CmpIPredicate::eq,  CmpIPredicate::ne,  CmpIPredicate::ult,
                                                CmpIPredicate::ule, CmpIPredicate::ugt, CmpIPredicate::uge};
  int index = int(kind);
  if (isFloat(lhs))
    return make<CmpFOp>(kFloat[index], lhs, rhs);
  return make<CmpIOp>(isBool(lhs) ? kUnsigned[index] : kSigned[index], lhs, rhs);
}

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_BODY_H

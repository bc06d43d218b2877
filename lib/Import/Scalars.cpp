#include "Scalars.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace raddle::import {

Type elementTypeOf(MLIRContext *context, int64_t dtype) {
  switch (ScalarType(dtype)) {
  case ScalarType::Int8:
    return IntegerType::get(context, 8);
  case ScalarType::UInt8:
  case ScalarType::Int16:
    return IntegerType::get(context, 16);
  case ScalarType::Int32:
    return IntegerType::get(context, 32);
  case ScalarType::Int64:
    return IntegerType::get(context, 64);
  case ScalarType::Float16:
    return Float16Type::get(context);
  case ScalarType::Float32:
  case ScalarType::Complex64:
    return Float32Type::get(context);
  case ScalarType::Float64:
  case ScalarType::Complex128:
    return Float64Type::get(context);
  case ScalarType::Bool:
    return IntegerType::get(context, 1);
  case ScalarType::BFloat16:
    return BFloat16Type::get(context);
  }
  return Type();
}

std::string dtypeName(int64_t dtype) {
  static constexpr llvm::StringLiteral kNames[] = {"unknown",   "uint8",      "int8",    "int16",   "int32",
                                                   "int64",     "float16",    "float32", "float64", "complex32",
                                                   "complex64", "complex128", "bool",    "bfloat16"};
  if (dtype > 0 && dtype < int64_t(std::size(kNames)))
    return kNames[dtype].str();
  return "number " + std::to_string(dtype);
}

int64_t toInteger(double real) {
  llvm::APSInt integer(64, /*isUnsigned=*/false);
  bool isExact;
  llvm::APFloat(real).convertToInteger(integer, llvm::APFloat::rmTowardZero, &isExact);
  return integer.getSExtValue();
}

Value scalarConstant(OpBuilder &builder, Location loc, Type type, const Scalar &value) {
  if (auto floatType = dyn_cast<FloatType>(type)) {
    // From the integer itself, which may have more digits than a double.
    double real = value.kind == Scalar::Kind::Float ? value.real : double(value.integer);
    return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(floatType, real));
  }
  unsigned width = type.getIntOrFloatBitWidth();
  int64_t integer = value.kind == Scalar::Kind::Float ? toInteger(value.real) : value.integer;
  if (width == 1)
    integer = !value.isZero();
  llvm::APInt bits(width, uint64_t(integer), /*isSigned=*/true, /*implicitTrunc=*/true);
  return arith::ConstantOp::create(builder, loc, builder.getIntegerAttr(type, bits));
}

Value convertScalar(OpBuilder &builder, Location loc, Value value, Type type) {
  Type from = value.getType();
  if (from == type)
    return value;
  if (type.isInteger(1)) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(from));
    if (isa<FloatType>(from))
      return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNE, value, zero);
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, value, zero);
  }
  bool fromBool = from.isInteger(1);
  if (isa<FloatType>(type)) {
    if (isa<FloatType>(from)) {
      if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
        return arith::ExtFOp::create(builder, loc, type, value);
      if (from.getIntOrFloatBitWidth() > type.getIntOrFloatBitWidth())
        return arith::TruncFOp::create(builder, loc, type, value);
      // Between f16 and bf16 neither widens: by way of f32.
      Value wide = arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
      return arith::TruncFOp::create(builder, loc, type, wide);
    }
    if (fromBool)
      return arith::UIToFPOp::create(builder, loc, type, value);
    return arith::SIToFPOp::create(builder, loc, type, value);
  }
  if (isa<FloatType>(from))
    return arith::FPToSIOp::create(builder, loc, type, value);
  if (fromBool)
    return arith::ExtUIOp::create(builder, loc, type, value);
  if (from.getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtSIOp::create(builder, loc, type, value);
  return arith::TruncIOp::create(builder, loc, type, value);
}

Type arithmeticType(Type type) {
  if (isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(type.getContext());
  return type;
}

static int category(Type type) { return !type ? -1 : isa<FloatType>(type) ? 2 : type.isInteger(1) ? 0 : 1; }

static Type promotePair(Type lhs, Type rhs) {
  if (!lhs || !rhs || lhs == rhs)
    return lhs ? lhs : rhs;
  if (category(lhs) != category(rhs))
    return category(lhs) > category(rhs) ? lhs : rhs;
  unsigned lhsWidth = lhs.getIntOrFloatBitWidth(), rhsWidth = rhs.getIntOrFloatBitWidth();
  if (lhsWidth != rhsWidth)
    return lhsWidth > rhsWidth ? lhs : rhs;
  return Float32Type::get(lhs.getContext()); // f16 with bf16
}

/// `higher` has priority; `lower` counts where its category is above that of `higher`.
static Type combine(Type higher, Type lower) {
  if (category(higher) == 2)
    return higher;
  if (category(higher) == 0 || category(lower) == 2)
    return promotePair(higher, lower);
  return higher ? higher : lower;
}

Type promoteTypes(MLIRContext *context, llvm::ArrayRef<PromotionOperand> operands) {
  Type withDims, zeroDim, wrapped;
  for (const PromotionOperand &operand : operands) {
    if (!operand.scalar) {
      Type &group = operand.zeroDim ? zeroDim : withDims;
      group = promotePair(group, operand.type);
      continue;
    }
    Builder builder(context);
    Type type = operand.scalar->kind == Scalar::Kind::Float ? Type(builder.getF32Type())
                : operand.scalar->kind == Scalar::Kind::Int ? Type(builder.getI64Type())
                                                            : Type(builder.getI1Type());
    wrapped = promotePair(wrapped, type);
  }
  return combine(combine(withDims, zeroDim), wrapped);
}

} // namespace raddle::import

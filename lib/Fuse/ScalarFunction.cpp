#include "ScalarFunction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

namespace raddle {
namespace {

/// The body of an op, computed for some arguments after others.
class ScalarFunction {
public:
  explicit ScalarFunction(Block &body) : body(body) {}

  std::optional<double> operator()(double first, double second) {
    values.clear();
    values[body.getArgument(0)] = first;
    if (body.getNumArguments() > 1)
      values[body.getArgument(1)] = second;
    for (Operation &op : body.without_terminator()) {
      std::optional<double> value = compute(&op);
      if (!value)
        return std::nullopt;
      values[op.getResult(0)] = *value;
    }
    return valueOf(body.getTerminator()->getOperand(0));
  }

private:
  /// A value of the body, or a constant beside it.
  std::optional<double> valueOf(Value value) {
    if (auto found = values.find(value); found != values.end())
      return found->second;
    FloatAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return constant.getValueAsDouble();
    return std::nullopt;
  }

  std::optional<double> compute(Operation *op) {
    FloatAttr constant;
    if (op->getNumResults() == 1 && matchPattern(op, m_Constant(&constant)))
      return constant.getValueAsDouble();
    SmallVector<double, 2> operands;
    for (Value operand : op->getOperands()) {
      std::optional<double> value = valueOf(operand);
      if (!value)
        return std::nullopt;
      operands.push_back(*value);
    }
    return llvm::TypeSwitch<Operation *, std::optional<double>>(op)
        .Case([&](arith::AddFOp) { return operands[0] + operands[1]; })
        .Case([&](arith::SubFOp) { return operands[0] - operands[1]; })
        .Case([&](arith::MulFOp) { return operands[0] * operands[1]; })
        .Case([&](arith::DivFOp) { return operands[0] / operands[1]; })
        .Case([&](arith::NegFOp) { return -operands[0]; })
        .Case<arith::ExtFOp, arith::TruncFOp>([&](auto) { return operands[0]; })
        .Case([&](math::TanhOp) { return std::tanh(operands[0]); })
        .Default([](Operation *) { return std::nullopt; });
  }

  Block &body;
  llvm::DenseMap<Value, double> values;
};

} // namespace

bool computes(linalg::GenericOp op, llvm::function_ref<double(double, double)> expected) {
  Block &body = op.getRegion().front();
  if (body.getTerminator()->getNumOperands() != 1)
    return false;
  ScalarFunction function(body);
  constexpr int points = 97;
  constexpr double largest = 6, tolerance = 1e-6;
  for (int i = 0; i < points; ++i) {
    // The second number takes another order through the same range.
    double x = largest * (2.0 * i / (points - 1) - 1), y = largest * (2.0 * (i * 37 % points) / (points - 1) - 1);
    std::optional<double> value = function(x, y);
    double wanted = expected(x, y);
    if (!value || !(std::abs(*value - wanted) <= tolerance * (1 + std::abs(wanted))))
      return false;
  }
  return true;
}

} // namespace raddle

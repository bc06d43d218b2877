#include "Symbols.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace llvm;

namespace raddle::import {

namespace {

/// Far deeper than expressions of sizes are; keeps a hostile file from exhausting the stack.
constexpr unsigned kMaxDepth = 100;

/// A recursive-descent evaluator of one expression. After a failure `error` is set and values mean nothing.
class Evaluator {
public:
  Evaluator(StringRef text, const StringMap<int64_t> &symbols) : text(text), rest(text), symbols(symbols) {}

  Expected<Number> run() {
    Number result = expression(0);
    skipSpace();
    if (error.empty() && !rest.empty())
      fail("expected its end before '" + rest + "'");
    if (!error.empty())
      return createStringError(inconvertibleErrorCode(), "expression '" + text + "': " + error);
    return result;
  }

private:
  Number expression(unsigned depth);
  Number literal();
  Number symbol();
  Number apply(StringRef function, ArrayRef<Number> arguments);
  Number applyInteger(StringRef function, int64_t lhs, int64_t rhs);
  Number applyReal(StringRef function, double lhs, double rhs);

  Number fail(const Twine &message) {
    if (error.empty())
      error = message.str();
    return Number();
  }
  void skipSpace() { rest = rest.ltrim(); }
  bool consume(StringRef token) {
    skipSpace();
    return rest.consume_front(token);
  }

  StringRef text;
  StringRef rest;
  const StringMap<int64_t> &symbols;
  std::string error;
};

Number Evaluator::literal() {
  bool negative = consume("-");
  StringRef digits = rest.take_while([](char c) { return isAlnum(c) || c == '.'; });
  rest = rest.drop_front(digits.size());
  int64_t integer;
  std::string signedDigits = ((negative ? "-" : "") + digits).str();
  if (!StringRef(signedDigits).getAsInteger(10, integer))
    return Number::ofInteger(integer);
  double real;
  if (!digits.getAsDouble(real))
    return Number::ofReal(negative ? -real : real);
  return fail("'" + signedDigits + "' is no number of 64 bits");
}

Number Evaluator::symbol() {
  StringRef name = rest.take_until([](char c) { return c == '\''; });
  rest = rest.drop_front(name.size());
  // Assumptions such as `positive=True` follow; they do not change the value.
  rest = rest.drop_until([](char c) { return c == ')'; });
  if (!consume(")"))
    return fail("a symbol does not end");
  auto found = symbols.find(name);
  if (found == symbols.end())
    return fail("size '" + name + "' is not known before the program runs");
  return Number::ofInteger(found->second);
}

Number Evaluator::expression(unsigned depth) {
  if (!error.empty())
    return Number();
  if (depth > kMaxDepth)
    return fail("it is nested more than " + Twine(kMaxDepth) + " deep");
  skipSpace();
  if (rest.empty())
    return fail("it ends too early");
  if (isDigit(rest.front()) || rest.front() == '-')
    return literal();
  if (rest.consume_front("Symbol('"))
    return symbol();

  StringRef name = rest.take_while([](char c) { return isAlnum(c) || c == '_'; });
  rest = rest.drop_front(name.size());
  if (!consume("("))
    return fail("expected a function call at '" + name + rest + "'");
  if (name == "Float") {
    // Float('1.5', precision=53)
    if (!consume("'"))
      return fail("expected a quoted number");
    Number value = literal();
    rest = rest.drop_until([](char c) { return c == ')'; });
    return consume(")") ? Number::ofReal(value.real) : fail("a number does not end");
  }
  SmallVector<Number> arguments;
  while (error.empty() && !consume(")")) {
    if (!arguments.empty() && !consume(","))
      return fail("expected ',' or ')' before '" + rest + "'");
    arguments.push_back(expression(depth + 1));
  }
  return error.empty() ? apply(name, arguments) : Number();
}

Number Evaluator::apply(StringRef function, ArrayRef<Number> arguments) {
  if (arguments.size() == 1) {
    const Number &value = arguments.front();
    if (function == "Integer")
      return value;
    if (function == "ToFloat")
      return Number::ofReal(value.real);
    if (function == "TruncToInt" || function == "CeilToInt" || function == "FloorToInt") {
      double rounded = function.front() == 'T'   ? std::trunc(value.real)
                       : function.front() == 'C' ? std::ceil(value.real)
                                                 : std::floor(value.real);
      if (!(std::abs(rounded) < double(std::numeric_limits<int64_t>::max())))
        return fail("a number does not fit in 64 bits");
      return Number::ofInteger(int64_t(rounded));
    }
    return fail("function '" + function + "' of one argument is not known");
  }
  if (arguments.size() < 2)
    return fail("function '" + function + "' has no arguments");
  // Sums, products and extrema take any number of arguments.
  bool folds = function == "Add" || function == "Mul" || function == "Max" || function == "Min";
  if (arguments.size() > 2 && !folds)
    return fail("function '" + function + "' has " + Twine(arguments.size()) + " arguments, expected 2");
  Number result = arguments.front();
  for (const Number &next : arguments.drop_front()) {
    result = result.isInteger && next.isInteger ? applyInteger(function, result.integer, next.integer)
                                                : applyReal(function, result.real, next.real);
  }
  return result;
}

Number Evaluator::applyInteger(StringRef function, int64_t lhs, int64_t rhs) {
  int64_t result = 0;
  bool overflow = false;
  if (function == "Add") {
    overflow = AddOverflow(lhs, rhs, result);
  } else if (function == "Mul") {
    overflow = MulOverflow(lhs, rhs, result);
  } else if (function == "Max") {
    result = std::max(lhs, rhs);
  } else if (function == "Min") {
    result = std::min(lhs, rhs);
  } else if (function == "Pow" || function == "PowByNatural") {
    if (rhs < 0)
      return applyReal("Pow", double(lhs), double(rhs));
    result = 1;
    // Doubling overflows after 63 steps and 0, 1, −1 need only the exponent's parity.
    if (lhs == 0 || lhs == 1)
      return Number::ofInteger(rhs == 0 ? 1 : lhs);
    if (lhs == -1)
      return Number::ofInteger(rhs % 2 == 0 ? 1 : -1);
    for (int64_t i = 0; i < rhs && !overflow; ++i)
      overflow = MulOverflow(result, lhs, result);
  } else if (function == "IntTrueDiv" || function == "Rational") {
    if (rhs == 0)
      return fail("division by zero");
    return Number::ofReal(double(lhs) / double(rhs));
  } else if (function == "FloorDiv" || function == "CleanDiv" || function == "CeilDiv" || function == "Mod" ||
             function == "PythonMod") {
    if (rhs == 0)
      return fail("division by zero");
    if (rhs == -1 && lhs == std::numeric_limits<int64_t>::min())
      return fail("a number does not fit in 64 bits");
    int64_t quotient = lhs / rhs, remainder = lhs % rhs;
    bool inexact = remainder != 0, negative = (lhs < 0) != (rhs < 0);
    if (function == "CeilDiv")
      result = quotient + (inexact && !negative);
    else if (function.ends_with("Mod"))
      result = inexact && negative ? remainder + rhs : remainder;
    else
      result = quotient - (inexact && negative);
  } else {
    return fail("function '" + function + "' is not known");
  }
  if (overflow)
    return fail("a number does not fit in 64 bits");
  return Number::ofInteger(result);
}

Number Evaluator::applyReal(StringRef function, double lhs, double rhs) {
  if (function == "Add")
    return Number::ofReal(lhs + rhs);
  if (function == "Mul")
    return Number::ofReal(lhs * rhs);
  if (function == "Max")
    return Number::ofReal(std::max(lhs, rhs));
  if (function == "Min")
    return Number::ofReal(std::min(lhs, rhs));
  if (function == "Pow" || function == "FloatPow")
    return Number::ofReal(std::pow(lhs, rhs));
  if (function == "FloatTrueDiv")
    return Number::ofReal(lhs / rhs);
  return fail("function '" + function + "' is not known");
}

} // namespace

Expected<Number> Symbols::evaluate(StringRef expression) const { return Evaluator(expression, values).run(); }

Expected<int64_t> Symbols::evaluate(const SymbolicInt &value) const {
  if (value.isStatic())
    return value.value;
  Expected<Number> number = evaluate(value.expression);
  if (!number)
    return number.takeError();
  if (number->isInteger)
    return number->integer;
  // Products with rationals are integers in the end: Mul(Rational(1, 2), Symbol('s0')).
  double limit = double(std::numeric_limits<int64_t>::max());
  if (std::abs(number->real) < limit && number->real == std::floor(number->real))
    return int64_t(number->real);
  return createStringError(inconvertibleErrorCode(), "expression '" + value.expression + "' is no integer");
}

void Symbols::forEachSymbol(StringRef expression, function_ref<void(StringRef)> visit) {
  constexpr StringLiteral kStart = "Symbol('";
  for (size_t at = expression.find(kStart); at != StringRef::npos; at = expression.find(kStart, at)) {
    at += kStart.size();
    visit(expression.slice(at, expression.find('\'', at)));
  }
}

StringRef Symbols::symbolOf(StringRef expression) {
  if (!expression.consume_front("Symbol('") || expression.find(')') != expression.size() - 1)
    return StringRef();
  return expression.take_until([](char c) { return c == '\''; });
}

} // namespace raddle::import

#ifndef RADDLE_LIB_IMPORT_SYMBOLS_H
#define RADDLE_LIB_IMPORT_SYMBOLS_H

#include "Program.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace raddle::import {

/// A number that an expression of symbols evaluates to.
struct Number {
  bool isInteger = true;
  int64_t integer = 0;
  double real = 0;

  static Number ofInteger(int64_t value) { return {true, value, double(value)}; }
  static Number ofReal(double value) { return {false, 0, value}; }
};

/// Values of the symbols of a program, and the evaluation of its expressions in sympy's notation
/// (`Add(Symbol('s0', positive=True, integer=True), Integer(-1))`).
class Symbols {
public:
  void bind(llvm::StringRef symbol, int64_t value) { values[symbol] = value; }
  bool isBound(llvm::StringRef symbol) const { return values.contains(symbol); }

  /// Fails on a symbol without a value, an unknown function, a number that does not fit.
  llvm::Expected<Number> evaluate(llvm::StringRef expression) const;
  llvm::Expected<int64_t> evaluate(const SymbolicInt &value) const;

  /// The name of the symbol that the expression is; empty where it is anything else.
  static llvm::StringRef symbolOf(llvm::StringRef expression);
  /// Calls `visit` with every symbol in the expression.
  static void forEachSymbol(llvm::StringRef expression, llvm::function_ref<void(llvm::StringRef)> visit);

private:
  llvm::StringMap<int64_t> values;
};

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_SYMBOLS_H

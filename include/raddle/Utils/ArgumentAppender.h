// Appends arguments to a function in time that is linear in their number.
#ifndef RADDLE_UTILS_ARGUMENTAPPENDER_H
#define RADDLE_UTILS_ARGUMENTAPPENDER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// Every change of a function's signature makes a new type and a new list of attributes of all arguments. This class
/// adds the block's arguments at once and the signature in `finish`; until then the function does not verify, and
/// attributes can be asked for the old arguments only.
class ArgumentAppender {
public:
  explicit ArgumentAppender(mlir::func::FuncOp function) : function(function) {}

  mlir::Value add(mlir::Type type, mlir::DictionaryAttr attributes, mlir::Location loc);
  void finish();

private:
  mlir::func::FuncOp function;
  llvm::SmallVector<mlir::DictionaryAttr> added;
};

} // namespace raddle

#endif // RADDLE_UTILS_ARGUMENTAPPENDER_H

#ifndef RADDLE_LIB_IMPORT_SEARCHOPS_H
#define RADDLE_LIB_IMPORT_SEARCHOPS_H

#include "Body.h"

namespace raddle::import {

/// The number of elements of a sorted row of `sequence` that stand before a value: those less than it, or with `right`
/// not greater. NaN is greater than all. `row` are the coordinates of the sequence but for the last.
mlir::Value countBefore(const Body &body, mlir::Value sequence, llvm::ArrayRef<mlir::Value> row, mlir::Value value,
                        bool right);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_SEARCHOPS_H

#ifndef RADDLE_DIALECT_RAGGED_IR_LAYOUT_H
#define RADDLE_DIALECT_RAGGED_IR_LAYOUT_H

#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

namespace raddle::ragged {

/// Names of the argument attributes of parameters.
constexpr llvm::StringLiteral kKeepAttr = "ragged.keep";
constexpr llvm::StringLiteral kLayoutAttr = "ragged.layout";
constexpr llvm::StringLiteral kScalesAttr = "ragged.scales";

/// The cut of a slot by its bucket: row-major, in the slot's units.
LayoutAttr layoutOf(BucketOp bucket, SlotAttr slot);

} // namespace raddle::ragged

#endif // RADDLE_DIALECT_RAGGED_IR_LAYOUT_H

// One form of what means the same, before and after ops are grouped.
#ifndef RADDLE_LIB_FUSE_SIMPLIFY_H
#define RADDLE_LIB_FUSE_SIMPLIFY_H

#include "mlir/IR/Block.h"

namespace raddle {

/// Named ops become generics, so that grouping and fusion see one form. Fills stay: they are inits.
void generalizeNamedOps(mlir::Block &body);

/// Views of tensors without content and views and slices of filled tensors are such tensors: a kernel that reads one
/// needs no memory for the whole.
void foldInits(mlir::Block &body);

/// What reads a widened tensor reads the narrow one and widens each element itself: a wide copy in memory would cost
/// more than it saves. Products of matrices do so only if both factors become narrow, as libraries multiply equal
/// types.
void foldWidening(mlir::Block &body);

/// Loops of one pass go, so that what differs in them only is the same rows; views that then undo each other do so.
void dropUnitLoops(mlir::Block &body);

/// Puts every view behind what it shows: a kernel may run later than what it computes was defined.
void moveViewsToSources(mlir::Block &body);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_SIMPLIFY_H

// Where an element of a tensor comes from.
#ifndef RADDLE_LIB_FUSE_ELEMENTSOURCE_H
#define RADDLE_LIB_FUSE_ELEMENTSOURCE_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace raddle {

/// An element of a tensor, or a scalar in the body of an op on tensors. `at` are the indices of the element, or of the
/// op's loops.
struct Element {
  mlir::Value value;
  llvm::SmallVector<mlir::AffineExpr> at;
};

/// What the element is a copy of: an element that a view shows, what the body of an op on tensors yields for it, or an
/// element that such a body reads. Nothing where it is computed or given.
std::optional<Element> sourceOf(const Element &element);

/// The end of that way.
Element follow(Element element);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_ELEMENTSOURCE_H

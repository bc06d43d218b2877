#ifndef RADDLE_LIB_IMPORT_SORTOPS_H
#define RADDLE_LIB_IMPORT_SORTOPS_H

#include "NodeBuilder.h"

namespace raddle::import {

/// The positions that sort a dimension, equal elements in their order and NaN as the greatest: i64 of the shape of
/// `self`, which has at least one dimension.
mlir::Value buildOrder(NodeBuilder &node, mlir::Value self, int64_t dim, bool descending);

/// The positions of the `count` greatest (or least) elements of a dimension, the first of them first.
mlir::Value buildTopPositions(NodeBuilder &node, mlir::Value self, int64_t dim, int64_t count, bool largest);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_SORTOPS_H

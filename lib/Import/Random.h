#ifndef RADDLE_LIB_IMPORT_RANDOM_H
#define RADDLE_LIB_IMPORT_RANDOM_H

#include "NodeBuilder.h"

namespace raddle::import {

/// What a random op draws by: a stream of its own, and where its rank's elements are among those of all ranks.
struct Stream {
  mlir::Value key;
  mlir::Value rank;           // null without a batch dimension
  mlir::IntegerAttr batchDim; // null as well

  /// A new stream, for a tensor whose dimension `batchDim` is cut over the ranks.
  static Stream make(NodeBuilder &node, std::optional<int64_t> batchDim);
};

/// The value with elements dropped with probability p and the others scaled by 1 / (1 − p).
mlir::Value buildDropout(NodeBuilder &node, mlir::Value value, double p, const Stream &stream);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_RANDOM_H

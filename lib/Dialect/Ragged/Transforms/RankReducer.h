// Reductions of values over ranks, for ragged-partition.
#ifndef RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_RANKREDUCER_H
#define RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_RANKREDUCER_H

#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

namespace raddle::ragged {

/// Builds all-reduces where the builder stands.
struct RankReducer {
  mlir::OpBuilder &builder;
  Mesh mesh;

  /// The value itself where the group is one rank.
  mlir::Value allReduce(mlir::Value value, Reduction reduction, Group group = Group::All) const {
    int64_t size = group == Group::All ? mesh.ranks : group == Group::Shards ? mesh.shards : mesh.replicas();
    if (size == 1)
      return value;
    if (size == mesh.ranks)
      group = Group::All;
    mlir::MLIRContext *context = builder.getContext();
    return AllReduceOp::create(builder, value.getLoc(), value.getType(), ReductionAttr::get(context, reduction), value,
                               builder.getI64IntegerAttr(size), GroupAttr::get(context, group));
  }
};

} // namespace raddle::ragged

#endif // RADDLE_LIB_DIALECT_RAGGED_TRANSFORMS_RANKREDUCER_H

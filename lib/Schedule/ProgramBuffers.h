// Buffers of a program that is being written.
#ifndef RADDLE_LIB_SCHEDULE_PROGRAMBUFFERS_H
#define RADDLE_LIB_SCHEDULE_PROGRAMBUFFERS_H

#include "Placement.h"

namespace raddle {

/// Makes each buffer where it is first asked for: one for each place and type.
class ProgramBuffers {
public:
  ProgramBuffers(mlir::OpBuilder &builder, const Placement &placement) : builder(builder), placement(placement) {}

  /// Dense memory of the shape and element type of `type`, a tensor or memref.
  mlir::Value at(mlir::Location loc, Place place, mlir::Type type) {
    auto shaped = mlir::cast<mlir::ShapedType>(type);
    auto memref = mlir::MemRefType::get(shaped.getShape(), shaped.getElementType());
    mlir::Value &known = buffers[{static_cast<int64_t>(place.space), place.index, place.offset, memref}];
    if (!known)
      known = exec::BufferOp::create(builder, loc, memref, exec::SpaceAttr::get(builder.getContext(), place.space),
                                     builder.getI64IntegerAttr(place.index), builder.getI64IntegerAttr(place.offset));
    return known;
  }

  /// Where a tensor was placed.
  mlir::Value of(mlir::Value value) {
    mlir::Value &known = ofValue[value];
    if (!known)
      known = at(value.getLoc(), placement.lookup(value), value.getType());
    return known;
  }

  llvm::SmallVector<mlir::Value> of(mlir::ValueRange values) {
    return llvm::map_to_vector(values, [&](mlir::Value value) { return of(value); });
  }

private:
  mlir::OpBuilder &builder;
  const Placement &placement;
  llvm::DenseMap<std::tuple<int64_t, int64_t, int64_t, mlir::Type>, mlir::Value> buffers;
  llvm::DenseMap<mlir::Value, mlir::Value> ofValue; // found faster
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_PROGRAMBUFFERS_H

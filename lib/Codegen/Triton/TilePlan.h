// Which part of a kernel's results one program of Triton computes.
#ifndef RADDLE_LIB_CODEGEN_TRITON_TILEPLAN_H
#define RADDLE_LIB_CODEGEN_TRITON_TILEPLAN_H

#include "Stripes.h"
#include "TileBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace raddle {

/// The leading dimensions of all results are one range of points, of which a program takes `perProgram`, along `axis`
/// of its tile. The other axis is for what belongs to one point: further dimensions of results, and reductions.
struct TilePlan {
  unsigned pointDims; ///< leading dimensions that points stand for; all of each result if it is larger than its rank
  unsigned axis;
  TileShape tile;
  int64_t perProgram;
  int64_t parts; ///< programs that share the further dimensions of a point, each one tile of them
  int64_t programs;
  int64_t warps;
};

/// Plans a kernel of static shapes; one of stripes has points of its own. `work` gets the points of all structured ops
/// together.
TilePlan planTiles(mlir::func::FuncOp kernel, const std::optional<Stripes> &stripes, double &work);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_TILEPLAN_H

// Windows over integers and booleans. The ops of `nn` that have windows are for floating-point numbers, for the sake of
// their gradients and kernels; these are slices, of which there is one for each element of a window.
#ifndef RADDLE_LIB_IMPORT_EXACTWINDOWS_H
#define RADDLE_LIB_IMPORT_EXACTWINDOWS_H

#include "NodeBuilder.h"

namespace raddle::import {

/// Where windows stand, in each spatial dimension: element k of window o at o * stride + k * dilation − padding.
struct WindowPlaces {
  llvm::ArrayRef<int64_t> kernel, stride, padding, dilation;
  llvm::ArrayRef<int64_t> counts; // of windows
};

/// The windows of [N, C, in...], with zeros outside: [N, C, kernel..., counts...].
mlir::Value exactWindows(NodeBuilder &node, mlir::Value input, const WindowPlaces &places);

/// As `nn.conv`: input [N, G·C, in...], weight [G·O, C, kernel...].
mlir::Value exactConvolution(NodeBuilder &node, mlir::Value input, mlir::Value weight, const WindowPlaces &places,
                             int64_t groups);

/// As `nn.conv_transpose`: input [N, G·O, p...], weight [G·O, C, kernel...]; `places.counts` are the result's extents.
mlir::Value exactTransposed(NodeBuilder &node, mlir::Value input, mlir::Value weight, const WindowPlaces &places,
                            int64_t groups);

/// The sum of each window of [N, C, in...]: [N, C, counts...].
mlir::Value exactWindowSums(NodeBuilder &node, mlir::Value input, const WindowPlaces &places);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_EXACTWINDOWS_H

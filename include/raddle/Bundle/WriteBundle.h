// From a generated module to a bundle.
#ifndef RADDLE_BUNDLE_WRITEBUNDLE_H
#define RADDLE_BUNDLE_WRITEBUNDLE_H

#include "mlir/IR/BuiltinOps.h"
#include <cstdint>
#include <string>
#include <vector>

namespace raddle {

struct BundleOptions {
  uint64_t seed = 0;
  float learningRate = 0.0f;
  /// Path of the weight archive as the bundle shall name it: relative to the bundle.
  std::string weights;
  /// Processor that the kernels are for, one of `knownProcessors`.
  std::string processor = "native";
  /// LLVM's level of optimisation of kernels for a CPU, 0 to 3.
  unsigned optLevel = 3;
};

/// Builds the FlatBuffer of bundle.fbs from the IR that `generate` leaves, with the machine code of its kernels, and
/// verifies it. Errors are emitted at the module.
llvm::FailureOr<std::vector<uint8_t>> buildBundle(mlir::ModuleOp module, const BundleOptions &options);

} // namespace raddle

#endif // RADDLE_BUNDLE_WRITEBUNDLE_H

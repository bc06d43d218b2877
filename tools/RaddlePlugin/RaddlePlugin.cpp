// Raddle's dialects and passes inside a stock mlir-opt:
//   mlir-opt --load-dialect-plugin=RaddlePlugin.so --load-pass-plugin=RaddlePlugin.so …
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "raddle/Codegen/NVVM/Passes.h"
#include "raddle/Codegen/Triton/Passes.h"
#include "raddle/Passes.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Raddle", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) { raddle::registerDialects(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Raddle", LLVM_VERSION_STRING, [] {
            raddle::registerRaddlePasses();
            raddle::registerRaddleNVVMPasses();
            raddle::registerRaddleTritonPasses();
          }};
}

// mlir-opt with Raddle's dialects and passes.
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "raddle/Codegen/NVVM/Passes.h"
#include "raddle/Codegen/Triton/Passes.h"
#include "raddle/Passes.h"
#include "raddle/Utils/Guard.h"
#include "llvm/Support/InitLLVM.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  raddle::registerDialects(registry);
  raddle::registerRaddlePasses();
  raddle::registerRaddleNVVMPasses();
  raddle::registerRaddleTritonPasses();
  return raddle::runGuarded("raddle-opt", [&] {
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Raddle optimizer driver\n", registry));
  });
}

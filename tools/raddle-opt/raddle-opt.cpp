// mlir-opt with Raddle's dialects and passes.
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "raddle/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  raddle::registerDialects(registry);
  raddle::registerRaddlePasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Raddle optimizer driver\n", registry));
}

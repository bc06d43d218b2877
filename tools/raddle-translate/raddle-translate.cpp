// Translates between MLIR and other formats, as mlir-translate does.
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "raddle/Import/Import.h"

int main(int argc, char **argv) {
  raddle::registerImportTranslation();
  return failed(mlir::mlirTranslateMain(argc, argv, "Raddle translation driver\n"));
}

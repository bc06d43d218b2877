// Translates between MLIR and other formats, as mlir-translate does; prints bundles as JSON.
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "raddle/Import/Import.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

/// A bundle is not MLIR on either side, so mlir-translate's registry has no place for it.
static int printBundle(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "raddle-translate: error: expects --bundle-to-json BUNDLE\n";
    return 1;
  }
  raddle::runtime::AlignedBuffer bundle;
  if (auto why = raddle::runtime::readBundleFile(argv[2], bundle)) {
    llvm::errs() << "raddle-translate: error: " << *why << "\n";
    return 1;
  }
  llvm::outs() << raddle::runtime::bundleToJson(bundle.data(), bundle.size()) << "\n";
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 1 && llvm::StringRef(argv[1]) == "--bundle-to-json")
    return printBundle(argc, argv);
  raddle::registerImportTranslation();
  return failed(mlir::mlirTranslateMain(argc, argv, "Raddle translation driver (and --bundle-to-json BUNDLE)\n"));
}

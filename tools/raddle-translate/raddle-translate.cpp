// Translates between MLIR and other formats, as mlir-translate does; prints bundles as JSON.
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "raddle/Import/Import.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

static constexpr llvm::StringLiteral kBundleToJson = "--bundle-to-json";

/// A bundle is not MLIR on either side, so mlir-translate's registry has no place for it.
static int printBundle(llvm::ArrayRef<llvm::StringRef> arguments) {
  auto fail = [](const llvm::Twine &message) {
    llvm::errs() << "raddle-translate: error: " << message << "\n";
    return 1;
  };
  llvm::StringRef input, output = "-";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == kBundleToJson)
      continue;
    if (arguments[i] == "-o" && i + 1 < arguments.size())
      output = arguments[++i];
    else if (input.empty() && !arguments[i].starts_with("-"))
      input = arguments[i];
    else
      return fail("unexpected argument '" + arguments[i] + "' beside " + kBundleToJson);
  }
  if (input.empty())
    return fail(llvm::Twine("expects ") + kBundleToJson + " BUNDLE [-o FILE]");
  raddle::runtime::AlignedBuffer bundle;
  if (auto why = raddle::runtime::readBundleFile(input.str(), bundle))
    return fail(*why);
  std::string why;
  std::unique_ptr<llvm::ToolOutputFile> file = mlir::openOutputFile(output, &why);
  if (!file)
    return fail(why);
  file->os() << raddle::runtime::bundleToJson(bundle.data(), bundle.size()) << "\n";
  file->keep();
  return 0;
}

int main(int argc, char **argv) {
  llvm::SmallVector<llvm::StringRef> arguments(argv + 1, argv + argc);
  if (llvm::is_contained(arguments, kBundleToJson))
    return printBundle(arguments);
  raddle::registerImportTranslation();
  return failed(mlir::mlirTranslateMain(argc, argv, "Raddle translation driver (and --bundle-to-json BUNDLE)\n"));
}

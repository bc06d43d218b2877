// Translates between MLIR and other formats, as mlir-translate does; prints bundles and what a file's operators are.
#include "Printers.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "raddle/Import/Import.h"
#include "raddle/Utils/Guard.h"
#include "raddle/runtime/BundleFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace llvm;

namespace {

struct Printer {
  StringLiteral flag;
  StringLiteral usage;
  bool needsInput;
  bool hasJson;
  Error (*print)(const PrinterOptions &, raw_ostream &, bool &ok);
};

constexpr Printer kPrinters[] = {
    {"--bundle-to-json", "BUNDLE [-o FILE]", /*needsInput=*/true, /*hasJson=*/false, printBundle},
    {"--op-coverage", "[MODEL.pt2] [--json] [-o FILE]", /*needsInput=*/false, /*hasJson=*/true, printOperatorCoverage},
};

} // namespace

Error printBundle(const PrinterOptions &options, raw_ostream &os, bool &) {
  raddle::runtime::AlignedBuffer bundle;
  if (auto why = raddle::runtime::readBundleFile(options.input.str(), bundle))
    return createStringError(inconvertibleErrorCode(), *why);
  os << raddle::runtime::bundleToJson(bundle.data(), bundle.size()) << "\n";
  return Error::success();
}

static int runPrinter(const Printer &printer, ArrayRef<StringRef> arguments) {
  auto fail = [](const Twine &message) {
    errs() << "raddle-translate: error: " << message << "\n";
    return 1;
  };
  PrinterOptions options;
  StringRef output = "-";
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == printer.flag)
      continue;
    if (arguments[i] == "-o" && i + 1 < arguments.size())
      output = arguments[++i];
    else if (printer.hasJson && arguments[i] == "--json")
      options.json = true;
    else if (options.input.empty() && (arguments[i] == "-" || !arguments[i].starts_with("-")))
      options.input = arguments[i];
    else
      return fail("unexpected argument '" + arguments[i] + "' beside " + printer.flag);
  }
  if (printer.needsInput && options.input.empty())
    return fail("expects " + printer.flag + " " + printer.usage);
  std::string text;
  raw_string_ostream stream(text);
  bool ok = true;
  if (Error error = printer.print(options, stream, ok))
    return fail(toString(std::move(error)));
  std::string why;
  std::unique_ptr<ToolOutputFile> file = mlir::openOutputFile(output, &why);
  if (!file)
    return fail(why);
  file->os() << text;
  file->keep();
  return ok ? 0 : 1;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  SmallVector<StringRef> arguments(argv + 1, argv + argc);
  std::string help = "Raddle translation driver; it also has";
  for (const Printer &printer : kPrinters) {
    if (is_contained(arguments, printer.flag))
      return raddle::runGuarded("raddle-translate", [&] { return runPrinter(printer, arguments); });
    help += ("\n  " + printer.flag + " " + printer.usage).str();
  }
  raddle::registerImportTranslation();
  return raddle::runGuarded("raddle-translate",
                            [&]() -> int { return failed(mlir::mlirTranslateMain(argc, argv, help + "\n")); });
}

#ifndef RADDLE_TOOLS_TRANSLATE_PRINTERS_H
#define RADDLE_TOOLS_TRANSLATE_PRINTERS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

/// The arguments of a printer: what has MLIR on neither side, so that mlir-translate's registry has no place for it.
struct PrinterOptions {
  /// Empty if none is given.
  llvm::StringRef input;
  bool json = false;
};

/// Prints a bundle as JSON.
llvm::Error printBundle(const PrinterOptions &options, llvm::raw_ostream &os, bool &ok);

/// Prints which operators of a `.pt2` file can be imported, or without a file all operators that can. `ok` is false if
/// some of the file cannot.
llvm::Error printOperatorCoverage(const PrinterOptions &options, llvm::raw_ostream &os, bool &ok);

#endif // RADDLE_TOOLS_TRANSLATE_PRINTERS_H

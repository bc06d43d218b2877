// MLIR's parser as the fuzzer needs it.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace raddle::fuzz {

/// What came of a text.
struct Parsed {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// Upstream's parser stopped by a signal, which is not ours to find: its context must not be used any more.
  bool isBroken = false;
};

/// Parses and verifies. A signal in code of ours, or in upstream code that ours called, is a finding as always; one in
/// upstream's parsers alone is not (the tools answer it with an error, see raddle/Utils/Guard.h).
Parsed parse(llvm::StringRef text, mlir::MLIRContext *context);

} // namespace raddle::fuzz

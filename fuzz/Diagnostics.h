// The context of a run of the compiler and its diagnostics: not printed, but there has to be one for a failure, with a
// text.
#pragma once

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <vector>

namespace raddle::fuzz {

/// A context that some runs share, as making one takes longer than most runs; types and attributes stay in it, so that
/// it does not last for ever.
class SharedContext {
public:
  explicit SharedContext(const mlir::DialectRegistry &known) { known.appendTo(registry); }

  mlir::MLIRContext &get() {
    constexpr unsigned lifetime = 500;
    if (context && runs++ % lifetime != 0)
      return *context;
    context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
    context->allowUnregisteredDialects();
    return *context;
  }

  /// After it was left in the middle of something. Nothing of it may be touched, so it stays.
  void abandon() { abandoned.push_back(context.release()); }

private:
  mlir::DialectRegistry registry;
  std::unique_ptr<mlir::MLIRContext> context;
  std::vector<mlir::MLIRContext *> abandoned;
  unsigned runs = 0;
};

class ErrorCount {
public:
  explicit ErrorCount(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
            return;
          if (diagnostic.str().empty())
            llvm::report_fatal_error("an error without a text");
          ++count;
        }) {}

  /// For a step that failed: ends the program where nobody would know why.
  void expectSome() const {
    if (count == 0)
      llvm::report_fatal_error("a failure without an error");
  }

  bool none() const { return count == 0; }

private:
  unsigned count = 0;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace raddle::fuzz

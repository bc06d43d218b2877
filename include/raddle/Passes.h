// Raddle's passes, pipelines and dialects, for tools and plugins.
#ifndef RADDLE_PASSES_H
#define RADDLE_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/Pass.h"

namespace raddle {

#define GEN_PASS_DECL
#include "raddle/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "raddle/Passes.h.inc"

/// Adds Raddle's dialects and the external models of its interfaces.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace raddle

#endif // RADDLE_PASSES_H

// Dialects of other front ends, known by name only.
#ifndef RADDLE_IMPORT_FOREIGNDIALECTS_H
#define RADDLE_IMPORT_FOREIGNDIALECTS_H

#include "mlir/IR/DialectRegistry.h"

namespace raddle {

/// Registers torch-mlir's `torch`, `torch_c` and `tm_tensor` so that reading one of their ops is an error which says
/// what it stands for and what to do.
void registerForeignDialects(mlir::DialectRegistry &registry);

} // namespace raddle

#endif // RADDLE_IMPORT_FOREIGNDIALECTS_H

// Passes that write kernels in Triton's language and have Triton compile them.
#ifndef RADDLE_CODEGEN_TRITON_PASSES_H
#define RADDLE_CODEGEN_TRITON_PASSES_H

#include "mlir/Pass/Pass.h"

namespace raddle {

#define GEN_PASS_DECL
#include "raddle/Codegen/Triton/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "raddle/Codegen/Triton/Passes.h.inc"

} // namespace raddle

#endif // RADDLE_CODEGEN_TRITON_PASSES_H

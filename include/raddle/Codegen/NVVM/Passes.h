// Passes that make code for NVIDIA's GPUs.
#ifndef RADDLE_CODEGEN_NVVM_PASSES_H
#define RADDLE_CODEGEN_NVVM_PASSES_H

#include "mlir/Pass/Pass.h"

namespace raddle {

#define GEN_PASS_DECL
#include "raddle/Codegen/NVVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "raddle/Codegen/NVVM/Passes.h.inc"

} // namespace raddle

#endif // RADDLE_CODEGEN_NVVM_PASSES_H

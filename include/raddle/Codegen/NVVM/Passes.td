#ifndef RADDLE_CODEGEN_NVVM_PASSES_TD
#define RADDLE_CODEGEN_NVVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def CodegenNVVM : Pass<"codegen-nvvm", "::mlir::ModuleOp"> {
  let summary = "Lower kernels to the LLVM dialect for NVIDIA's GPUs";
  let description = [{
    A kernel on tensors becomes an `llvm.func` with `nvvm.kernel` that takes a pointer an array, inputs first. `exec.blocks` and
    `exec.threads` say how it is launched. Loops that all ops of a kernel have in common are shared out over blocks, or over threads
    where each has little to do; the rest is done by the threads of a block together, which meet at a barrier after each op. Sums of
    many elements are put together in memory that the block shares, always in the same order. Every `exec.check_index` of what a
    program computes gets a kernel that looks at its indices, named by the attribute `exec.check_kernel`. The module says what it
    is for in `exec.target`.
  }];
  let options = [Option<"arch", "arch", "std::string", /*default=*/"\"sm_90\"", "Architecture of the GPU">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect", "::mlir::affine::AffineDialect",
                           "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::cf::ControlFlowDialect", "::mlir::vector::VectorDialect"];
}

#endif // RADDLE_CODEGEN_NVVM_PASSES_TD

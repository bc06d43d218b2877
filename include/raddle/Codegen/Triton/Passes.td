#ifndef RADDLE_CODEGEN_TRITON_PASSES_TD
#define RADDLE_CODEGEN_TRITON_PASSES_TD

include "mlir/Pass/PassBase.td"

def CodegenTriton : Pass<"codegen-triton", "::mlir::ModuleOp"> {
  let summary = "Write kernels as functions on tiles, in Triton's language";
  let description = [{
    A kernel on tensors gets a Triton version beside its body: attributes `exec.triton`, the text of a module with one `tt.func` in
    MLIR's generic form, `exec.symbol`, its name, which the text determines, `exec.blocks`, the number of programs, and `exec.warps`,
    the number of warps of each. The function takes a pointer an array, inputs first.

    ```mlir
    func.func private @kernel(%x: tensor<48x128xf32>) -> tensor<48xf32>
        attributes {exec.kernel, exec.triton = "\22builtin.module\22() ({ ...", exec.symbol = "kernel_0b2d2a3e7c1f5a60",
                    exec.blocks = 6 : i64, exec.warps = 4 : i64} {
    ```

    Kernels that cannot be written so keep what they have: loops of `scf`, windows that overlap, long sums into few elements, reads of
    what the kernel writes over elsewhere. A remark (`--remarks-filter=codegen-triton`) names each and says why.
  }];
  let statistics = [Statistic<"numWritten", "written", "kernels that got a Triton version">,
                    Statistic<"numLeft", "left", "kernels that Triton's language or this pass cannot express">];
}

def CodegenTritonCompile : Pass<"codegen-triton-compile", "::mlir::ModuleOp"> {
  let summary = "Compile kernels that have a Triton version, by Triton";
  let description = [{
    Runs Triton once for all kernels with `exec.triton`. Each becomes a declaration of the LLVM dialect with what a launch needs, as the
    code object has it, and the code:

    ```mlir
    llvm.func @kernel(!llvm.ptr, !llvm.ptr) attributes {exec.args = 2 : i64, exec.blocks = 6 : i64, exec.cubin = "\7FELF...",
        exec.kernel, exec.range = 1 : i64, exec.shared = 512 : i64, exec.symbol = "kernel_0b2d2a3e7c1f5a60", exec.threads = 128 : i64,
        exec.trailing = 2 : i64}
    ```

    Code is kept in a folder of the user, by the hash of all that it depends on. Without Triton, or where Triton refuses a kernel, kernels
    stay functions on tensors, and lose their Triton version; a remark says why. With `required` that is an error.
  }];
  let options = [
    Option<"arch", "arch", "std::string", /*default=*/"\"sm_90\"", "Architecture of the GPU">,
    Option<"python", "python", "std::string", /*default=*/"\"\"",
           "Python that has Triton; empty: RADDLE_PYTHON, python3 of the path, or that which Raddle was built with">,
    Option<"required", "required", "bool", /*default=*/"false", "Whether it is an error that Triton is missing">];
  let statistics = [Statistic<"numCompiled", "compiled", "kernels compiled by Triton, or taken from the folder">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // RADDLE_CODEGEN_TRITON_PASSES_TD

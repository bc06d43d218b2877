// What generate guarantees.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --codegen-verify

// expected-error @+1 {{is not code after 'generate'}}
func.func private @kernel(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}

// -----

llvm.func @kernel(!llvm.ptr, i64, i64) attributes {exec.kernel, exec.args = 3 : i64, exec.range = 4 : i64}
exec.program @step arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  %a = exec.buffer arena[0] at 0 : memref<4xf32>
  // expected-error @+1 {{expects code that takes 2 pointers and has a range}}
  exec.dispatch @kernel ins(%a : memref<4xf32>) outs(%a : memref<4xf32>)
}

// -----

llvm.func @kernel(!llvm.ptr, i64, i64) attributes {exec.kernel, exec.args = 2 : i64}
exec.program @step arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  %a = exec.buffer arena[0] at 0 : memref<4xf32>
  // expected-error @+1 {{expects code that takes 2 pointers and has a range}}
  exec.dispatch @kernel ins(%a : memref<4xf32>) outs(%a : memref<4xf32>)
}

// -----

llvm.func @kernel(!llvm.ptr, i64, i64) attributes {exec.kernel, exec.args = 2 : i64, exec.range = 4 : i64}
exec.program @step arena 128 streams 2 events 0 inputs [] outputs [] states [] allocations [] {
  %a = exec.buffer arena[0] at 0 : memref<4xf32>
  exec.dispatch @kernel ins(%a : memref<4xf32>) outs(%a : memref<4xf32>)
}

// Kernels become code of the runtime's signature: pointers of arguments, then of results, in an array, and a part of a range.

// RUN: raddle-opt %s --codegen-cpu --codegen-verify | FileCheck %s

// Rows are independent: threads share a range of 4. The chain is one pair of loops, and no memory but the arguments' is used.
// CHECK-LABEL: llvm.func internal @bias_tanh_body(
// CHECK-SAME: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.noalias}, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK-NOT: llvm.call @malloc
// CHECK-NOT: llvm.alloca
// CHECK: llvm.br ^[[LOOP:.*]](%[[BEGIN]] : i64)
// CHECK: llvm.icmp "slt" %{{.*}}, %[[END]]
// The function is a polynomial, which vectorises.
// CHECK-NOT: llvm.call
// CHECK-COUNT-1: llvm.store
// CHECK-NOT: llvm.store
// CHECK-LABEL: llvm.func @bias_tanh(
// CHECK-SAME: %[[ARGS:.*]]: !llvm.ptr, %[[FROM:.*]]: i64, %[[TO:.*]]: i64)
// CHECK-SAME: attributes {exec.args = 3 : i64, {{.*}}exec.kernel, exec.range = 4 : i64}
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[ARGS]][2]
// CHECK: %[[OUT:.*]] = llvm.load %[[SLOT]]
// CHECK: llvm.call @bias_tanh_body(%{{.*}}, %{{.*}}, %[[OUT]], %[[FROM]], %[[TO]])
func.func private @bias_tanh(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A sum over everything has one order and is not shared. Its partial sums may be regrouped, so that it vectorises.
// CHECK-LABEL: llvm.func internal @total_body(
// CHECK: llvm.fadd {{.*}} {fastmathFlags = #llvm.fastmath<{{.*}}reassoc{{.*}}>}
// CHECK-LABEL: llvm.func @total(
// CHECK-SAME: exec.args = 2 : i64, {{.*}}exec.range = 1 : i64
func.func private @total(%x: tensor<4x8xf32>) -> tensor<f32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// Sums of rows are shared: the fill and the sum walk rows in step. Sums of columns are not: parts would write the same sums.
// CHECK-LABEL: llvm.func @rows(
// CHECK-SAME: exec.range = 4 : i64
func.func private @rows(%x: tensor<4x8xf32>) -> tensor<4xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
// CHECK-LABEL: llvm.func @columns(
// CHECK-SAME: exec.range = 1 : i64
func.func private @columns(%x: tensor<4x8xf32>) -> tensor<8xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// Positions are written one after the other.
// CHECK-LABEL: llvm.func @scatter(
// CHECK-SAME: exec.range = 1 : i64
func.func private @scatter(%g: tensor<6x4xf32>, %i: tensor<6xi64>) -> tensor<10x4xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<10x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<10x4xf32>) -> tensor<10x4xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %0 = scf.for %p = %c0 to %c6 step %c1 iter_args(%sum = %f) -> (tensor<10x4xf32>) {
    %n = tensor.extract %i[%p] : tensor<6xi64>
    %row = arith.index_cast %n : i64 to index
    %s = tensor.extract_slice %g[%p, 0] [1, 4] [1, 1] : tensor<6x4xf32> to tensor<4xf32>
    %next = tensor.insert_slice %s into %sum[%row, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<10x4xf32>
    scf.yield %next : tensor<10x4xf32>
  }
  return %0 : tensor<10x4xf32>
}

// A result that always has its argument's address is written there, as if it were that argument.
// CHECK-LABEL: llvm.func internal @update_body(
// CHECK-SAME: %[[P:[a-z0-9]+]]: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}, %[[UNUSED:[a-z0-9]+]]: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: i64
// CHECK-NOT: %[[UNUSED]]
// CHECK: llvm.store
// CHECK-LABEL: llvm.func @update(
// CHECK-SAME: exec.args = 3 : i64, {{.*}}exec.range = 32 : i64
func.func private @update(%p: tensor<32xf32>, %g: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<32xf32>
  %0 = linalg.sub ins(%p, %g : tensor<32xf32>, tensor<32xf32>) outs(%e : tensor<32xf32>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}
exec.program @step arena 0 streams 2 events 0 inputs [{nn.input = "g"}] outputs [] states [{ragged.state = "p"}] allocations [] {
  %p = exec.buffer state[0] at 0 : memref<32xf32>
  %g = exec.buffer input[0] at 0 : memref<32xf32>
  exec.dispatch @update ins(%p, %g : memref<32xf32>, memref<32xf32>) outs(%p : memref<32xf32>)
}

// One that has it in some dispatches only may alias it; the others may not.
// CHECK-LABEL: llvm.func internal @update_or_not_body(
// CHECK-SAME: %{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr {llvm.noalias}, %{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: i64
func.func private @update_or_not(%p: tensor<32xf32>, %g: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<32xf32>
  %0 = linalg.sub ins(%p, %g : tensor<32xf32>, tensor<32xf32>) outs(%e : tensor<32xf32>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}
exec.program @steps arena 0 streams 2 events 0 inputs [{nn.input = "g"}] outputs [{nn.output = "h"}] states [{ragged.state = "p"}] allocations [] {
  %p = exec.buffer state[0] at 0 : memref<32xf32>
  %g = exec.buffer input[0] at 0 : memref<32xf32>
  %h = exec.buffer output[0] at 0 : memref<32xf32>
  exec.dispatch @update_or_not ins(%p, %g : memref<32xf32>, memref<32xf32>) outs(%h : memref<32xf32>)
  exec.dispatch @update_or_not ins(%p, %g : memref<32xf32>, memref<32xf32>) outs(%p : memref<32xf32>)
}

// Data movement: a concatenation is two copies, a slice is read where it lies.
// CHECK-LABEL: llvm.func internal @concatenation_body(
// CHECK-NOT: malloc
// CHECK-LABEL: llvm.func @concatenation(
// CHECK-SAME: exec.args = 3 : i64
func.func private @concatenation(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x12xf32> attributes {exec.kernel} {
  %s = tensor.extract_slice %x[0, 4] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %0 = tensor.concat dim(1) %s, %y : (tensor<4x4xf32>, tensor<4x8xf32>) -> tensor<4x12xf32>
  return %0 : tensor<4x12xf32>
}

// A loop that updates an argument works in the result's memory, on a copy.
// CHECK-LABEL: llvm.func internal @loop_body(
// CHECK-SAME: %[[X:[a-z0-9]+]]: !llvm.ptr {llvm.noalias}, %[[OUT:[a-z0-9]+]]: !llvm.ptr {llvm.noalias}
// CHECK-NOT: llvm.call @malloc
// CHECK-DAG: llvm.insertvalue %[[OUT]], %{{.*}}[1]
// CHECK-DAG: llvm.insertvalue %[[X]], %{{.*}}[1]
// CHECK: llvm.br
// CHECK: %[[COPIED:.*]] = llvm.load
// CHECK: llvm.store %[[COPIED]]
// CHECK: %[[SUM:.*]] = llvm.fadd
// CHECK: llvm.store %[[SUM]]
// CHECK-NOT: llvm.store
// CHECK: llvm.return
func.func private @loop(%x: tensor<8xf32>) -> tensor<8xf32> attributes {exec.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%y = %x) -> tensor<8xf32> {
    %v = tensor.extract %y[%i] : tensor<8xf32>
    %s = arith.addf %v, %v : f32
    %n = tensor.insert %s into %y[%i] : tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  return %r : tensor<8xf32>
}

// Numbers of 16 bits are computed with in 32, and moved and chosen as they are: no processor's own instructions are needed.
// CHECK-LABEL: llvm.func internal @brain_float_body(
// CHECK-NOT: bf16
// CHECK: llvm.fadd {{.*}} : f32
// CHECK-NOT: bf16
// CHECK: llvm.return
func.func private @brain_float(%x: tensor<64xbf16>, %y: tensor<64xbf16>) -> tensor<64xbf16> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<64xbf16>
  %0 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
                       iterator_types = ["parallel"]}
      ins(%x, %y : tensor<64xbf16>, tensor<64xbf16>) outs(%e : tensor<64xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %sum = arith.addf %a, %b : bf16
    %power = math.exp %sum : bf16
    %less = arith.cmpf olt, %power, %b : bf16
    %chosen = arith.select %less, %a, %power : bf16
    linalg.yield %chosen : bf16
  } -> tensor<64xbf16>
  return %0 : tensor<64xbf16>
}

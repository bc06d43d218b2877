// Which ops one kernel computes.

// RUN: raddle-opt %s --split-input-file --fuse-outline --fuse-verify | FileCheck %s

// A chain of elementwise ops, each read once, is one kernel. It says what it costs: bytes of its operands and results, operations.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<8xf32>
// CHECK-NEXT: %[[Y:.*]] = exec.dispatch @kernel_0 ins(%[[X]], %[[B]] : tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func private @kernel_0(%{{.*}}: tensor<4x8xf32>, %{{.*}}: tensor<8xf32>) -> tensor<4x8xf32> attributes {exec.bytes = 288 : i64, exec.flops = 96 : i64, exec.kernel}
// CHECK: arith.addf
// CHECK: math.tanh
// CHECK: arith.negf
func.func @chain(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %1 = linalg.tanh ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = linalg.negf ins(%1 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

// What two kernels need is computed once, by its own: each of these walks its rows in another order.
// CHECK-LABEL: func.func @two_readers(
// CHECK: %[[T:.*]] = exec.dispatch @kernel_0
// CHECK: exec.dispatch @{{.*}} ins(%[[T]]
// CHECK: exec.dispatch @{{.*}} ins(%[[T]]
func.func @two_readers(%x: tensor<4x8xf32>) -> (tensor<8x4xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %t = tensor.empty() : tensor<8x4xf32>
  %r = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<8xf32>) -> tensor<8xf32>
  %0 = linalg.tanh ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.transpose ins(%0 : tensor<4x8xf32>) outs(%t : tensor<8x4xf32>) permutation = [1, 0]
  %2 = linalg.reduce {arith.addf} ins(%0 : tensor<4x8xf32>) outs(%f : tensor<8xf32>) dimensions = [0]
  return %1, %2 : tensor<8x4xf32>, tensor<8xf32>
}

// -----

// Both reads of one consumer are one use: x² + x of t.
// CHECK-LABEL: func.func @twice(
// CHECK-NEXT: exec.dispatch @kernel_0
// CHECK-NEXT: return
func.func @twice(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.mul ins(%0, %0 : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// A reduction takes the elementwise op before it into its loops, with its init; what follows works on the same rows.
// CHECK-LABEL: func.func @reduction(
// CHECK-NEXT: %[[Y:.*]] = exec.dispatch @[[ROWS:.*]] ins(%{{.*}} : tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT: return %[[Y]]
// CHECK: func.func private @[[ROWS]](
// CHECK: math.exp
// CHECK: linalg.fill
// CHECK: "reduction"
// CHECK: arith.divf
func.func @reduction(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %r = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %0 = linalg.exp ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%0 : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %a, %acc : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %1 : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.divf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// -----

// A row that every element of a matrix reads is not computed again for each: it keeps its kernel.
// CHECK-LABEL: func.func @broadcast(
// CHECK: %[[ROW:.*]] = exec.dispatch @{{.*}} -> tensor<8xf32>
// CHECK: exec.dispatch @{{.*}} ins({{.*}}%[[ROW]]
func.func @broadcast(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %r = tensor.empty() : tensor<8xf32>
  %0 = linalg.exp ins(%b : tensor<8xf32>) outs(%r : tensor<8xf32>) -> tensor<8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %0 : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %d = arith.addf %a, %c : f32
    linalg.yield %d : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// -----

// Reshapes of whole tensors are views: they stay outside and cost nothing. Equal kernels are kept once.
// CHECK-LABEL: func.func @views(
// CHECK: %[[A:.*]] = exec.dispatch @kernel_0 ins(%{{.*}} : tensor<4x8xf32>)
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[A]]
// CHECK: %[[EXP:.*]] = exec.dispatch @kernel_1 ins(%[[FLAT]] : tensor<32xf32>)
// CHECK: %[[AGAIN:.*]] = tensor.expand_shape %[[EXP]]
// CHECK: exec.dispatch @kernel_0 ins(%[[AGAIN]] : tensor<4x8xf32>)
// CHECK: func.func private @kernel_0
// CHECK: func.func private @kernel_1
// CHECK-NOT: func.func private
func.func @views(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.tanh ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %c = tensor.empty() : tensor<32xf32>
  %2 = linalg.exp ins(%1 : tensor<32xf32>) outs(%c : tensor<32xf32>) -> tensor<32xf32>
  %3 = tensor.expand_shape %2 [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
  %4 = linalg.tanh ins(%3 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// -----

// A constant of one value is made where it is read, another one is data. A slice is read where it is needed: no copy of it exists.
// CHECK-LABEL: func.func @constants(
// CHECK: %[[TABLE:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf32>
// CHECK-NOT: dense<2.0
// CHECK: exec.dispatch @kernel_0 ins(%{{.*}} : tensor<16xf32>, tensor<4xf32>)
// CHECK: func.func private @kernel_0(
// CHECK-DAG: linalg.fill
// CHECK-DAG: tensor.extract_slice %{{.*}}[8] [4] [2]
func.func @constants(%x: tensor<16xf32>) -> tensor<4xf32> {
  %two = arith.constant dense<2.0> : tensor<4xf32>
  %table = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %e = tensor.empty() : tensor<4xf32>
  %s = tensor.extract_slice %x[8] [4] [2] : tensor<16xf32> to tensor<4xf32>
  %0 = linalg.mul ins(%s, %two : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.add ins(%0, %table : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// What a library call or the caller reads must be in memory: a fill, a slice and a constant get kernels of their own.
// CHECK-LABEL: func.func @material(
// CHECK-DAG: %[[SLICE:.*]] = exec.dispatch @{{.*}} ins(%{{.*}} : tensor<8x8xf32>) -> tensor<4x8xf32>
// CHECK-DAG: %[[ONES:.*]] = exec.dispatch @{{.*}} -> tensor<8x6xf32>
// CHECK: exec.gemm ins(%[[SLICE]], %[[ONES]]
func.func @material(%x: tensor<8x8xf32>) -> (tensor<4x6xf32>, tensor<8x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<8x6xf32>
  %ones = linalg.fill ins(%one : f32) outs(%e : tensor<8x6xf32>) -> tensor<8x6xf32>
  %s = tensor.extract_slice %x[2, 0] [4, 8] [1, 1] : tensor<8x8xf32> to tensor<4x8xf32>
  %r = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.matmul ins(%s, %ones : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %1, %ones : tensor<4x6xf32>, tensor<8x6xf32>
}

// -----

// Several results of one root are results of its kernel.
// CHECK-LABEL: func.func @results(
// CHECK: %[[R:.*]]:2 = exec.dispatch @kernel_0 ins(%{{.*}} : tensor<4xf32>) -> tensor<4xf32>, tensor<4xf32>
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @results(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0:2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e, %e : tensor<4xf32>, tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32, %p: f32):
    %s = math.sin %a : f32
    %c = math.cos %a : f32
    linalg.yield %s, %c : f32, f32
  } -> (tensor<4xf32>, tensor<4xf32>)
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Threads share a long sum into one element as sums of parts, and add these up in their order.
// CHECK-LABEL: func.func @long_sum(
// CHECK-SAME: %[[X:.*]]: tensor<786432xf32>
// CHECK: %[[PARTS:.*]] = exec.dispatch @[[FIRST:.*]] ins(%[[X]] : tensor<786432xf32>) -> tensor<64xf64>
// CHECK: exec.dispatch @[[SECOND:.*]] ins(%[[PARTS]] : tensor<64xf64>) -> tensor<f64>
// CHECK: func.func private @[[FIRST]]
// CHECK: tensor.expand_shape {{.*}} : tensor<786432xf32> into tensor<64x12288xf32>
func.func @long_sum(%x: tensor<786432xf32>) -> tensor<f64> {
  %zero = arith.constant 0.0 : f64
  %e = tensor.empty() : tensor<f64>
  %f = linalg.fill ins(%zero : f64) outs(%e : tensor<f64>) -> tensor<f64>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>],
                       iterator_types = ["reduction"]}
      ins(%x : tensor<786432xf32>) outs(%f : tensor<f64>) {
  ^bb0(%u: f32, %o: f64):
    %w = arith.extf %u : f32 to f64
    %s = arith.addf %o, %w : f64
    linalg.yield %s : f64
  } -> tensor<f64>
  return %r : tensor<f64>
}

// -----

// Sums over rows share out columns.
// CHECK-LABEL: func.func @long_columns(
// CHECK-COUNT-1: exec.dispatch
// CHECK-NOT: exec.dispatch
func.func @long_columns(%x: tensor<4096x96xf32>) -> tensor<96xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<96xf32>) -> tensor<96xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4096x96xf32>) outs(%f : tensor<96xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<96xf32>
  return %r : tensor<96xf32>
}

// Groups that walk the same rows are one kernel.

// RUN: raddle-opt %s --split-input-file --fuse-outline --fuse-verify | FileCheck %s
// RUN: raddle-opt %s --split-input-file --fuse-outline=join-rows=false --fuse-verify | FileCheck %s --check-prefix=APART

// A softmax: the sum's reader and the maximum's reader share their rows, whatever lies between.
// CHECK-LABEL: func.func @softmax(
// CHECK-NEXT: %[[Y:.*]] = exec.dispatch @kernel_0 ins(%{{.*}} : tensor<64x32xf32>) -> tensor<64x32xf32>
// CHECK-NEXT: return %[[Y]]
// APART-LABEL: func.func @softmax(
// APART-COUNT-4: exec.dispatch
// APART-NEXT: return
func.func @softmax(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %zero = arith.constant 0.0 : f32
  %least = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %m0 = linalg.fill ins(%least : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %m = linalg.reduce {arith.maximumf} ins(%x : tensor<64x32xf32>) outs(%m0 : tensor<64xf32>) dimensions = [1]
  %b = linalg.broadcast ins(%m : tensor<64xf32>) outs(%e : tensor<64x32xf32>) dimensions = [1]
  %c = linalg.sub ins(%x, %b : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %p = linalg.exp ins(%c : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %s = linalg.reduce {arith.addf} ins(%p : tensor<64x32xf32>) outs(%s0 : tensor<64xf32>) dimensions = [1]
  %d = linalg.broadcast ins(%s : tensor<64xf32>) outs(%e : tensor<64x32xf32>) dimensions = [1]
  %y = linalg.div ins(%p, %d : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// What two ops compute from one tensor, and what one leaves for another's rows: two results, and the sum that both are read for.
// CHECK-LABEL: func.func @results(
// CHECK-NEXT: %[[R:.*]]:3 = exec.dispatch @kernel_0 ins(%{{.*}} : tensor<64x32xf32>) -> tensor<64x32xf32>, tensor<64x32xf32>, tensor<64xf32>
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @results(%x: tensor<64x32xf32>) -> (tensor<64x32xf32>, tensor<64x32xf32>, tensor<64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.exp ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = linalg.tanh ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %2 = linalg.reduce {arith.addf} ins(%0 : tensor<64x32xf32>) outs(%f : tensor<64xf32>) dimensions = [1]
  return %0, %1, %2 : tensor<64x32xf32>, tensor<64x32xf32>, tensor<64xf32>
}

// -----

// Two sums over rows read their matrix once; the sum over columns walks it in another way.
// CHECK-LABEL: func.func @columns(
// CHECK: exec.dispatch @{{.*}} -> tensor<32xf32>, tensor<32xf32>
// CHECK: exec.dispatch @{{.*}} -> tensor<64xf32>
// CHECK: return
func.func @columns(%x: tensor<64x32xf32>, %g: tensor<64x32xf32>) -> (tensor<32xf32>, tensor<32xf32>, tensor<64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %c = tensor.empty() : tensor<32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %fc = linalg.fill ins(%zero : f32) outs(%c : tensor<32xf32>) -> tensor<32xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %p = linalg.mul ins(%x, %g : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %0 = linalg.reduce {arith.addf} ins(%p : tensor<64x32xf32>) outs(%fc : tensor<32xf32>) dimensions = [0]
  %1 = linalg.reduce {arith.addf} ins(%g : tensor<64x32xf32>) outs(%fc : tensor<32xf32>) dimensions = [0]
  %2 = linalg.reduce {arith.addf} ins(%g : tensor<64x32xf32>) outs(%fr : tensor<64xf32>) dimensions = [1]
  return %0, %1, %2 : tensor<32xf32>, tensor<32xf32>, tensor<64xf32>
}

// -----

// A dimension of one element is no obstacle: the mean keeps it, its reader does not.
// CHECK-LABEL: func.func @unit_dimension(
// CHECK-NEXT: exec.dispatch @kernel_0 ins(%{{.*}} : tensor<64x32xf32>) -> tensor<64x32xf32>
// CHECK-NEXT: return
func.func @unit_dimension(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %k = tensor.empty() : tensor<64x1xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %s = linalg.reduce {arith.addf} ins(%x : tensor<64x32xf32>) outs(%f : tensor<64xf32>) dimensions = [1]
  %kept = tensor.expand_shape %s [[0, 1]] output_shape [64, 1] : tensor<64xf32> into tensor<64x1xf32>
  %root = linalg.sqrt ins(%kept : tensor<64x1xf32>) outs(%k : tensor<64x1xf32>) -> tensor<64x1xf32>
  %flat = tensor.collapse_shape %root [[0, 1]] : tensor<64x1xf32> into tensor<64xf32>
  %b = linalg.broadcast ins(%flat : tensor<64xf32>) outs(%e : tensor<64x32xf32>) dimensions = [1]
  %y = linalg.div ins(%x, %b : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// The product needs the first result and feeds the second kernel: those two stay apart.
// CHECK-LABEL: func.func @between(
// CHECK: %[[A:.*]] = exec.dispatch @kernel_0
// CHECK: %[[P:.*]] = exec.gemm ins(%[[A]]
// CHECK: exec.dispatch @kernel_1 ins(%[[P]], %[[A]]
func.func @between(%x: tensor<64x32xf32>, %w: tensor<32x32xf32>) -> tensor<64x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %0 = linalg.exp ins(%x : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %p = linalg.matmul ins(%0, %w : tensor<64x32xf32>, tensor<32x32xf32>) outs(%f : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = linalg.tanh ins(%0 : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %y = linalg.add ins(%p, %1 : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// The next value of a state is written over the old one: nothing else that its kernel computes may read that.
// CHECK-LABEL: func.func @update(
// CHECK-COUNT-2: exec.dispatch
func.func @update(%state: tensor<64x32xf32> {ragged.state = "p"}) -> (tensor<64x32xf32> {ragged.alias = "p"}, tensor<64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x32xf32>
  %r = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%r : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.exp ins(%state : tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) -> tensor<64x32xf32>
  %1 = linalg.reduce {arith.addf} ins(%state : tensor<64x32xf32>) outs(%f : tensor<64xf32>) dimensions = [1]
  return %0, %1 : tensor<64x32xf32>, tensor<64xf32>
}

// -----

// A view of a slice is read from memory, where the slice is written behind what its reader would have to move before.
// CHECK-LABEL: func.func @view_of_a_slice(
// CHECK: %[[E:.*]] = exec.dispatch @kernel_{{.*}} -> tensor<64x8xf32>
// CHECK: exec.gemm
// CHECK: %[[S:.*]] = exec.dispatch @kernel_{{.*}} -> tensor<64x1x8xf32>
// CHECK: %[[V:.*]] = tensor.collapse_shape %[[S]]
// CHECK: exec.dispatch @kernel_{{.*}} ins(%[[E]], %[[V]] :
func.func @view_of_a_slice(%x: tensor<64x8xf32>, %y: tensor<64x3x8xf32>, %w: tensor<8x4xf32>)
    -> (tensor<64x4xf32>, tensor<64x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x8xf32>
  %o = tensor.empty() : tensor<64x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<64x4xf32>) -> tensor<64x4xf32>
  %0 = linalg.exp ins(%x : tensor<64x8xf32>) outs(%e : tensor<64x8xf32>) -> tensor<64x8xf32>
  %1 = linalg.matmul ins(%0, %w : tensor<64x8xf32>, tensor<8x4xf32>) outs(%f : tensor<64x4xf32>) -> tensor<64x4xf32>
  %s = tensor.extract_slice %y[0, 1, 0] [64, 1, 8] [1, 1, 1] : tensor<64x3x8xf32> to tensor<64x1x8xf32>
  %v = tensor.collapse_shape %s [[0], [1, 2]] : tensor<64x1x8xf32> into tensor<64x8xf32>
  %2 = linalg.add ins(%0, %v : tensor<64x8xf32>, tensor<64x8xf32>) outs(%e : tensor<64x8xf32>) -> tensor<64x8xf32>
  return %1, %2 : tensor<64x4xf32>, tensor<64x8xf32>
}

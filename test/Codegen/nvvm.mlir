// Kernels on memory become the work of a GPU's threads.
//
// RUN: raddle-opt %s --codegen-nvvm --codegen-verify | FileCheck %s

// CHECK: exec.target = "cuda:sm_90"

// The indices that a program computes are looked at by a kernel, those of a caller by the host.
// CHECK: exec.check_index %{{.*}} in 16 for "row" : memref<300xi64>
// CHECK: exec.check_index %{{.*}} in 16 for "row" {exec.check_kernel = @check_0} : memref<300xi64>

// A thread a point: all loops are common to all ops.
// CHECK-LABEL: llvm.func internal @pointwise_body(
// CHECK: llvm.call @__nv_tanhf
// CHECK-NOT: nvvm.barrier
// CHECK: llvm.func @pointwise(
// CHECK-SAME: exec.args = 3 : i64, exec.blocks = 24 : i64, {{.*}}exec.range = 1 : i64, exec.threads = 256 : i64, nvvm.kernel
func.func private @pointwise(%x: tensor<48x128xf32>, %b: tensor<128xf32>) -> tensor<48x128xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<48x128xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<48x128xf32>, tensor<128xf32>) outs(%e : tensor<48x128xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %s = arith.addf %u, %v : f32
    %t = math.tanh %s : f32
    linalg.yield %t : f32
  } -> tensor<48x128xf32>
  return %r : tensor<48x128xf32>
}
// A block a row: the sum is put together by its threads. The result is not one thread's: nothing says that it is.
// CHECK-LABEL: llvm.func internal @rows_body(
// CHECK-SAME: %arg0: !llvm.ptr {llvm.noalias}, %arg1: !llvm.ptr, %arg2: i64
// CHECK: llvm.mlir.addressof @shared :
// CHECK: nvvm.barrier0
// CHECK: llvm.func @rows(
// CHECK-SAME: exec.blocks = 48 : i64, {{.*}}exec.threads = 128 : i64
func.func private @rows(%x: tensor<48x128xf32>) -> tensor<48xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<48xf32>) -> tensor<48xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<48x128xf32>) outs(%f : tensor<48xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<48xf32>
  return %r : tensor<48xf32>
}

// Windows are added where they overlap: a thread a row walks them in order.
// CHECK-LABEL: llvm.func @overlapping(
// CHECK-SAME: exec.blocks = 48 : i64, {{.*}}exec.threads = 128 : i64
func.func private @overlapping(%x: tensor<48x32x3xf32>) -> tensor<48x34xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<48x34xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<48x34xf32>) -> tensor<48x34xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, k) -> (b, i, k)>, affine_map<(b, i, k) -> (b, i + k)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<48x32x3xf32>) outs(%f : tensor<48x34xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<48x34xf32>
  return %r : tensor<48x34xf32>
}

// Blocks add parts of a long sum; the last one to end puts them together.
// CHECK-LABEL: llvm.func internal @long_body(
// CHECK: llvm.atomicrmw add {{.*}} acq_rel
// CHECK: llvm.func @long(
// CHECK-SAME: exec.args = 2 : i64, exec.blocks = 123 : i64, {{.*}}exec.scratch = 16 : i64, exec.threads = 1024 : i64
func.func private @long(%x: tensor<1000x1000xf32>) -> tensor<f32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
                       iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<1000x1000xf32>) outs(%f : tensor<f32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// One block adds everything.
// CHECK-LABEL: llvm.func @whole(
// CHECK-SAME: exec.blocks = 1 : i64, {{.*}}exec.threads = 1024 : i64
func.func private @whole(%x: tensor<5000xf32>) -> tensor<f32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<5000xf32>) outs(%f : tensor<f32>) {
  ^bb0(%u: f32, %o: f32):
    %m = arith.maximumf %o, %u : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// A loop over rows that data selects: the threads of one block share each row.
// CHECK-LABEL: llvm.func @scatter(
// CHECK-SAME: exec.blocks = 1 : i64, {{.*}}exec.threads = 1024 : i64
func.func private @scatter(%rows: tensor<64xi64>, %x: tensor<64x384xf32>) -> tensor<16x384xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %e = tensor.empty() : tensor<16x384xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x384xf32>) -> tensor<16x384xf32>
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%a = %f) -> (tensor<16x384xf32>) {
    %n = tensor.extract %rows[%i] : tensor<64xi64>
    %row = arith.index_cast %n : i64 to index
    %s = tensor.extract_slice %x[%i, 0] [1, 384] [1, 1] : tensor<64x384xf32> to tensor<384xf32>
    %t = tensor.extract_slice %a[%row, 0] [1, 384] [1, 1] : tensor<16x384xf32> to tensor<384xf32>
    %u = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%s : tensor<384xf32>) outs(%t : tensor<384xf32>) {
    ^bb0(%p: f32, %q: f32):
      %v = arith.addf %q, %p : f32
      linalg.yield %v : f32
    } -> tensor<384xf32>
    %w = tensor.insert_slice %u into %a[%row, 0] [1, 384] [1, 1] : tensor<384xf32> into tensor<16x384xf32>
    scf.yield %w : tensor<16x384xf32>
  }
  return %r : tensor<16x384xf32>
}

exec.program @main arena 4096 streams 1 events 0 inputs [{nn.input = "rows", type = tensor<300xi64>}] outputs [] states []
    allocations [] {
  %given = exec.buffer input[0] at 0 : memref<300xi64>
  %computed = exec.buffer arena[0] at 0 : memref<300xi64>
  exec.check_index %given in 16 for "row" : memref<300xi64>
  exec.check_index %computed in 16 for "row" : memref<300xi64>
}
// CHECK: llvm.func @check_0({{.*}}exec.blocks = 2 : i64
// CHECK: llvm.atomicrmw umin

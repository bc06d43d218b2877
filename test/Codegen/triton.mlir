// Kernels get a version in Triton's language, in MLIR's generic form, beside their bodies.
//
// RUN: raddle-opt %s --codegen-triton --remarks-filter=codegen-triton 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks

// A row a program, which knows its column: no division. Nobody knows the alignment of the arrays.
// CHECK: func.func private @pointwise(
// CHECK-SAME: exec.blocks = 48 : i64
// CHECK-SAME: exec.triton = "{{.*}}tt.func{{.*}}tt.get_program_id{{.*}}tensor<1x128xi32>{{.*}}__nv_tanhf{{.*}}tt.store
// CHECK-SAME: arg_attrs = [{tt.divisibility = 1 : i32}, {tt.divisibility = 1 : i32}, {tt.divisibility = 1 : i32}]
// CHECK-SAME: function_type = (!tt.ptr<f32>, !tt.ptr<f32>, !tt.ptr<f32>) -> ()
// CHECK-SAME: exec.warps = 1 : i64
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

// Rows that are longer than a tile are shared by programs.
// CHECK: func.func private @parts(
// CHECK-SAME: exec.blocks = 9 : i64
// CHECK-SAME: exec.triton = "{{.*}}tt.get_program_id{{.*}}arith.remsi{{.*}}arith.divsi{{.*}}tt.store
func.func private @parts(%x: tensor<3x2100xf32>, %s: tensor<3xf32>) -> tensor<3x2100xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<3x2100xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>,
                                        affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : tensor<3x2100xf32>, tensor<3xf32>) outs(%e : tensor<3x2100xf32>) {
  ^bb0(%u: f32, %v: f32, %o: f32):
    %m = arith.mulf %u, %v : f32
    linalg.yield %m : f32
  } -> tensor<3x2100xf32>
  return %r : tensor<3x2100xf32>
}

// A program a row of the table, which reads only where some of the rows that it looks through are its own.
// CHECK: func.func private @scattered(
// CHECK-SAME: exec.blocks = 30 : i64
// CHECK-SAME: exec.triton = "{{.*}}scf.for{{.*}}tt.reduce{{.*}}scf.if{{.*}}tt.scan{{.*}}scf.for{{.*}}arith.minsi{{.*}}arith.addf
func.func private @scattered(%ids: tensor<64xi64>, %x: tensor<64x40xf32>) -> tensor<30x40xf32> attributes {exec.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<30x40xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<30x40xf32>) -> tensor<30x40xf32>
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%sum = %f) -> (tensor<30x40xf32>) {
    %id = tensor.extract %ids[%i] : tensor<64xi64>
    %row = arith.index_cast %id : i64 to index
    %new = tensor.extract_slice %x[%i, 0] [1, 40] [1, 1] : tensor<64x40xf32> to tensor<40xf32>
    %old = tensor.extract_slice %sum[%row, 0] [1, 40] [1, 1] : tensor<30x40xf32> to tensor<40xf32>
    %both = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                            iterator_types = ["parallel"]}
        ins(%new : tensor<40xf32>) outs(%old : tensor<40xf32>) {
    ^bb0(%u: f32, %o: f32):
      %s = arith.addf %o, %u : f32
      linalg.yield %s : f32
    } -> tensor<40xf32>
    %next = tensor.insert_slice %both into %sum[%row, 0] [1, 40] [1, 1] : tensor<40xf32> into tensor<30x40xf32>
    scf.yield %next : tensor<30x40xf32>
  }
  return %r : tensor<30x40xf32>
}

// A row is summed along the tile's columns, the last of which stand for nothing.
// CHECK: func.func private @rows(
// CHECK-SAME: exec.triton = "{{.*}}arith.cmpi{{.*}}tt.load{{.*}}arith.select{{.*}}tt.reduce
func.func private @rows(%x: tensor<48x100xf32>) -> tensor<48xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<48xf32>) -> tensor<48xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<48x100xf32>) outs(%f : tensor<48xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<48xf32>
  return %r : tensor<48xf32>
}

// Columns that lie side by side are summed over rows, part by part.
// CHECK: func.func private @columns(
// CHECK-SAME: exec.blocks = 4 : i64
// CHECK-SAME: exec.triton = "{{.*}}tensor<64x32xf32>{{.*}}scf.for{{.*}}scf.yield{{.*}}tt.reduce{{.*}}axis = 0
func.func private @columns(%x: tensor<480x100xf32>) -> tensor<100xf32> attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<100xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<100xf32>) -> tensor<100xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>],
                       iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<480x100xf32>) outs(%f : tensor<100xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.addf %o, %u : f32
    linalg.yield %s : f32
  } -> tensor<100xf32>
  return %r : tensor<100xf32>
}

// What a program writes over another one must not read.
// CHECK: func.func private @reversed(
// CHECK-NOT: exec.triton
// CHECK: return
// REMARK: kernel 'reversed' is not written for Triton: it reads input 0 elsewhere than it writes over it
func.func private @reversed(%x: tensor<64x64xf32>) -> tensor<64x64xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<64x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%u: f32, %o: f32):
    linalg.yield %u : f32
  } -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// REMARK: kernel 'long' is not written for Triton: it would be 1 programs of 1000000 elements each, too few for a GPU
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

// A stripe of rows a program: it reads a row once, for what it gives of it and for the sums, which stay in registers.
// CHECK: func.func private @striped(
// CHECK-SAME: exec.blocks = 128 : i64
// CHECK-SAME: exec.triton = "{{.*}}scf.for{{.*}}tt.load{{.*}}tt.store{{.*}}scf.yield{{.*}}tt.reduce{{.*}}tt.store
func.func private @striped(%x: tensor<1024x2048xf32>) -> (tensor<1024x2048xf32>, tensor<128x2048xf32>) attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1024x2048xf32>
  %double = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                            iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<1024x2048xf32>) outs(%e : tensor<1024x2048xf32>) {
  ^bb0(%u: f32, %o: f32):
    %d = arith.addf %u, %u : f32
    linalg.yield %d : f32
  } -> tensor<1024x2048xf32>
  %parts = tensor.expand_shape %x [[0, 1], [2]] output_shape [128, 8, 2048]
      : tensor<1024x2048xf32> into tensor<128x8x2048xf32>
  %s = tensor.empty() : tensor<128x2048xf32>
  %f = linalg.fill ins(%zero : f32) outs(%s : tensor<128x2048xf32>) -> tensor<128x2048xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(p, i, j) -> (p, i, j)>, affine_map<(p, i, j) -> (p, j)>],
                          iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%parts : tensor<128x8x2048xf32>) outs(%f : tensor<128x2048xf32>) {
  ^bb0(%u: f32, %o: f32):
    %t = arith.addf %o, %u : f32
    linalg.yield %t : f32
  } -> tensor<128x2048xf32>
  return %double, %sums : tensor<1024x2048xf32>, tensor<128x2048xf32>
}

// REMARK: kernel 'striped_long' is not written for Triton: its rows have 20000 elements, too many to sum stripes of them
func.func private @striped_long(%x: tensor<1024x20000xf32>) -> (tensor<1024x20000xf32>, tensor<128x20000xf32>) attributes {exec.kernel} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1024x20000xf32>
  %double = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                            iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<1024x20000xf32>) outs(%e : tensor<1024x20000xf32>) {
  ^bb0(%u: f32, %o: f32):
    %d = arith.addf %u, %u : f32
    linalg.yield %d : f32
  } -> tensor<1024x20000xf32>
  %parts = tensor.expand_shape %x [[0, 1], [2]] output_shape [128, 8, 20000]
      : tensor<1024x20000xf32> into tensor<128x8x20000xf32>
  %s = tensor.empty() : tensor<128x20000xf32>
  %f = linalg.fill ins(%zero : f32) outs(%s : tensor<128x20000xf32>) -> tensor<128x20000xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(p, i, j) -> (p, i, j)>, affine_map<(p, i, j) -> (p, j)>],
                          iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%parts : tensor<128x8x20000xf32>) outs(%f : tensor<128x20000xf32>) {
  ^bb0(%u: f32, %o: f32):
    %t = arith.addf %o, %u : f32
    linalg.yield %t : f32
  } -> tensor<128x20000xf32>
  return %double, %sums : tensor<1024x20000xf32>, tensor<128x20000xf32>
}

// Addresses that are known say how much an access may take at once.
// CHECK: func.func private @aligned(
// CHECK-SAME: [{tt.divisibility = 16 : i32}, {tt.divisibility = 8 : i32}]
func.func private @aligned(%x: tensor<64xf32>) -> tensor<64xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%u: f32, %o: f32):
    %s = arith.negf %u : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  return %r : tensor<64xf32>
}

exec.program @main arena 65536 streams 1 events 0 inputs [] outputs [] states [] allocations [] {
  %a = exec.buffer arena[0] at 0 : memref<64x64xf32>
  exec.dispatch @reversed ins(%a : memref<64x64xf32>) outs(%a : memref<64x64xf32>)
  %b = exec.buffer arena[0] at 256 : memref<64xf32>
  %c = exec.buffer arena[0] at 1032 : memref<64xf32>
  exec.dispatch @aligned ins(%b : memref<64xf32>) outs(%c : memref<64xf32>)
}

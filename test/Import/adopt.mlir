// What torch-mlir writes becomes what the importer of .pt2 files makes.

// RUN: raddle-opt %s --import-adopt --canonicalize --split-input-file | FileCheck %s

// Bounds that a body asserts are checked before it; other conditions are computed apart. Reads that nothing bounds move
// to the nearest element.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[TABLE:[a-z0-9]+]]: tensor<5x3xf32> {nn.batched, nn.input = "{{.*}}"}, %[[ROWS:[a-z0-9]+]]: tensor<4xi64>
// CHECK: exec.check_index %[[ROWS]] in 5 for "element that is looked up" : tensor<4xi64>
// CHECK: linalg.generic
// CHECK-NOT: cf.assert
// CHECK-NOT: arith.maxsi
// CHECK: tensor.extract %[[TABLE]]
// CHECK: %[[BROKEN:.*]] = linalg.generic
// CHECK: arith.remsi
// CHECK: exec.check_index %[[BROKEN]] in 1 for "must be even"
// CHECK: linalg.generic
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: tensor.extract
func.func @main(%table: tensor<5x3xf32>, %rows: tensor<4xi64>) -> (tensor<4x3xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : i64
  %zero = arith.constant 0 : index
  %c2 = arith.constant 2 : i64
  %c5 = arith.constant 5 : index
  %empty = tensor.empty() : tensor<4x3xf32>
  %picked = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%rows : tensor<4xi64>) outs(%empty : tensor<4x3xf32>) {
  ^bb0(%row: i64, %out: f32):
    %i = arith.index_cast %row : i64 to index
    %j = linalg.index 1 : index
    %below = arith.cmpi slt, %i, %c5 : index
    cf.assert %below, "index must be smaller than dim size"
    %above = arith.cmpi sge, %row, %c0 : i64
    cf.assert %above, "index must be larger or equal to 0"
    %value = tensor.extract %table[%i, %j] : tensor<5x3xf32>
    linalg.yield %value : f32
  } -> tensor<4x3xf32>
  %empty1 = tensor.empty() : tensor<4xf32>
  %first = linalg.generic {
      indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
      iterator_types = ["parallel"]} ins(%rows : tensor<4xi64>) outs(%empty1 : tensor<4xf32>) {
  ^bb0(%row: i64, %out: f32):
    %rest = arith.remsi %row, %c2 : i64
    %even = arith.cmpi eq, %rest, %c0 : i64
    cf.assert %even, "must be even"
    %i = arith.index_cast %row : i64 to index
    %value = tensor.extract %table[%i, %zero] : tensor<5x3xf32>
    linalg.yield %value : f32
  } -> tensor<4xf32>
  return %picked, %first : tensor<4x3xf32>, tensor<4xf32>
}

// -----

// Constant results of maps go, and so does double precision around a sum.
// CHECK-LABEL: func.func @main
// CHECK-NOT: f64
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}], iterator_types = ["parallel", "reduction"]} ins(%{{.*}} : tensor<4x6xf32>) outs(%{{.*}} : tensor<4xf32>)
// CHECK: tensor.expand_shape {{.*}} : tensor<4xf32> into tensor<4x1xf32>
// CHECK-NOT: f64
func.func @main(%x: tensor<4x6xf32>) -> tensor<4x1xf32> {
  %zero = arith.constant 0.0 : f64
  %count = arith.constant 6.0 : f64
  %empty = tensor.empty() : tensor<4x6xf64>
  %wide = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x6xf32>) outs(%empty : tensor<4x6xf64>) {
  ^bb0(%a: f32, %out: f64):
    %b = arith.extf %a : f32 to f64
    linalg.yield %b : f64
  } -> tensor<4x6xf64>
  %empty1 = tensor.empty() : tensor<4x1xf64>
  %filled = linalg.fill ins(%zero : f64) outs(%empty1 : tensor<4x1xf64>) -> tensor<4x1xf64>
  %sum = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, 0)>],
      iterator_types = ["parallel", "reduction"]} ins(%wide : tensor<4x6xf64>) outs(%filled : tensor<4x1xf64>) {
  ^bb0(%a: f64, %out: f64):
    %b = arith.addf %a, %out : f64
    linalg.yield %b : f64
  } -> tensor<4x1xf64>
  %empty2 = tensor.empty() : tensor<4x1xf32>
  %mean = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]} ins(%sum : tensor<4x1xf64>) outs(%empty2 : tensor<4x1xf32>) {
  ^bb0(%a: f64, %out: f32):
    %b = arith.divf %a, %count : f64
    %c = arith.truncf %b : f64 to f32
    linalg.yield %c : f32
  } -> tensor<4x1xf32>
  return %mean : tensor<4x1xf32>
}

// -----

// A difference of two reduced values cancels: it stays in double precision.
// CHECK-LABEL: func.func @main
// CHECK: arith.subf {{.*}} : f64
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f64
  %scalar = tensor.empty() : tensor<f64>
  %filled = linalg.fill ins(%zero : f64) outs(%scalar : tensor<f64>) -> tensor<f64>
  %sums:2 = linalg.generic {
      indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> ()>],
      iterator_types = ["reduction"]} ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%filled, %filled : tensor<f64>, tensor<f64>) {
  ^bb0(%a: f32, %b: f32, %s: f64, %t: f64):
    %c = arith.extf %a : f32 to f64
    %d = arith.extf %b : f32 to f64
    %e = arith.addf %c, %s : f64
    %f = arith.addf %d, %t : f64
    linalg.yield %e, %f : f64, f64
  } -> (tensor<f64>, tensor<f64>)
  %empty = tensor.empty() : tensor<f32>
  %difference = linalg.generic {
      indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>],
      iterator_types = []} ins(%sums#0, %sums#1 : tensor<f64>, tensor<f64>) outs(%empty : tensor<f32>) {
  ^bb0(%a: f64, %b: f64, %out: f32):
    %c = arith.subf %a, %b : f64
    %d = arith.truncf %c : f64 to f32
    linalg.yield %d : f32
  } -> tensor<f32>
  return %difference : tensor<f32>
}

// -----

// Windows with their padding. A bias that a convolution starts from is added behind it.
// CHECK-LABEL: func.func @main
// CHECK: nn.conv %{{.*}}, %{{.*}} {dilation = array<i64: 1, 1>, groups = 1 : i64, padding = array<i64: 1, 0>, stride = array<i64: 2, 1>} : tensor<1x2x7x5xf32>, tensor<3x2x3x2xf32> -> tensor<1x3x4x4xf32>
// CHECK: arith.addf
// CHECK: nn.max_pool %{{.*}} {dilation = array<i64: 1, 1>, kernel = array<i64: 2, 2>, padding = array<i64: 1, 1>, stride = array<i64: 2, 2>} : tensor<1x3x4x4xf32> -> tensor<1x3x3x3xf32>, tensor<1x3x3x3xi64>
func.func @main(%x: tensor<1x2x7x5xf32>, %w: tensor<3x2x3x2xf32>, %bias: tensor<1x3x4x4xf32>) -> tensor<1x3x3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %padded = tensor.pad %x low[0, 0, 1, 0] high[0, 0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x2x7x5xf32> to tensor<1x2x9x5xf32>
  %conv = linalg.conv_2d_nchw_fchw {dilations = dense<1> : vector<2xi64>, strides = dense<[2, 1]> : vector<2xi64>}
      ins(%padded, %w : tensor<1x2x9x5xf32>, tensor<3x2x3x2xf32>) outs(%bias : tensor<1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %around = tensor.pad %conv low[0, 0, 1, 1] high[0, 0, 1, 1] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %lowest : f32
  } : tensor<1x3x4x4xf32> to tensor<1x3x6x6xf32>
  %empty = tensor.empty() : tensor<1x3x3x3xf32>
  %start = linalg.fill ins(%lowest : f32) outs(%empty : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %pooled = linalg.pooling_nchw_max {dilations = dense<1> : vector<2xi64>, strides = dense<2> : vector<2xi64>}
      ins(%around, %window : tensor<1x3x6x6xf32>, tensor<2x2xf32>) outs(%start : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
  return %pooled : tensor<1x3x3x3xf32>
}

// A module of torch-mlir with a dynamic batch and weights inside.

// RUN: raddle-opt %s --import-adopt="batch=6 ranks=2 param-constants=fc.*" --canonicalize | FileCheck %s

// A dynamic batch is bound to a rank's part, and shapes follow; a chosen constant is a parameter with its value.
// CHECK-LABEL: module attributes {nn.batch = 3 : i64}
// CHECK: func.func @main(%[[X:.*]]: tensor<3x4xf32> {nn.batched, nn.input = "{{.*}}"}, %[[W:.*]]: tensor<4x2xf32> {nn.init = {kind = "value", value = dense_resource<fc.weight> : tensor<4x2xf32>}, nn.param = "fc.weight"}) -> (tensor<6xf32> {nn.batched, nn.output = "output_0"}) {
// CHECK: %[[OTHER:.*]] = arith.constant dense_resource<scale> : tensor<2xf32>
// CHECK: linalg.matmul ins(%[[X]], %[[W]] : tensor<3x4xf32>, tensor<4x2xf32>) outs(%{{.*}} : tensor<3x2xf32>)
// CHECK: tensor.collapse_shape {{.*}} : tensor<3x2xf32> into tensor<6xf32>
// CHECK-NOT: cf.assert
func.func @main(%x: tensor<?x4xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<fc.weight> : tensor<4x2xf32>
  %scale = arith.constant dense_resource<scale> : tensor<2xf32>
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %positive = arith.cmpi sge, %n, %c1 : index
  cf.assert %positive, "at least one"
  %empty = tensor.empty(%n) : tensor<?x2xf32>
  %filled = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x2xf32>) -> tensor<?x2xf32>
  %product = linalg.matmul ins(%x, %w : tensor<?x4xf32>, tensor<4x2xf32>) outs(%filled : tensor<?x2xf32>) -> tensor<?x2xf32>
  %scaled = linalg.generic {
      indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%product, %scale : tensor<?x2xf32>, tensor<2xf32>) outs(%empty : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %c = arith.mulf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<?x2xf32>
  %flat = tensor.collapse_shape %scaled [[0, 1]] : tensor<?x2xf32> into tensor<?xf32>
  return %flat : tensor<?xf32>
}

{-#
  dialect_resources: {
    builtin: {
      fc.weight: "0x040000000000803F000000400000404000008040000080BF000000C0000040C0000080C0",
      scale: "0x040000000000803F00000040"
    }
  }
#-}


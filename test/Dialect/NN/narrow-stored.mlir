// Parameters that are read rounded only are held in bf16, where nobody trains them.

// RUN: raddle-opt %s --nn-narrow-products=store-parameters --canonicalize --cse | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#bias = affine_map<(i, j) -> (j)>

// The weight is rounded when it is loaded: its source keeps its type. So is the table, of which rows are read. The bias is added in f32, and
// of a weight whose values the module holds the type stays.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<8x6xbf16> {nn.param = "w", nn.source = {dtype = f32, entry = "w", offset = 0 : i64}}
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<7x8xbf16> {nn.param = "t"}
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<6xf32> {nn.param = "b"}
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<6x2xf32> {
// CHECK: nn.embedding %[[T]], %{{.*}} : tensor<7x8xbf16>, tensor<4xi64> -> tensor<4x8xbf16>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<4x8xbf16>, tensor<8x6xbf16>)
func.func @main(%w: tensor<8x6xf32> {nn.param = "w", nn.source = {entry = "w", offset = 0 : i64}}, %t: tensor<7x8xf32> {nn.param = "t"},
                %b: tensor<6xf32> {nn.param = "b"}, %v: tensor<6x2xf32> {nn.param = "v", nn.init = {kind = "value", value = dense<0.1> : tensor<6x2xf32>}},
                %i: tensor<4xi64> {nn.input = "i"}) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %x = nn.embedding %t, %i : tensor<7x8xf32>, tensor<4xi64> -> tensor<4x8xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
  %s = linalg.generic {indexing_maps = [#id, #bias, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %b : tensor<4x6xf32>, tensor<6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %r = arith.addf %p, %q : f32
    linalg.yield %r : f32
  } -> tensor<4x6xf32>
  %e2 = tensor.empty() : tensor<4x2xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x2xf32>) -> tensor<4x2xf32>
  %z = linalg.matmul ins(%s, %v : tensor<4x6xf32>, tensor<6x2xf32>) outs(%f2 : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %z : tensor<4x2xf32>
}

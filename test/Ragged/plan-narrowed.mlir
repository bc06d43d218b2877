// Parameters that all readers cast lie apart, so that their slices are cast before they are gathered.

// RUN: raddle-opt %s --ragged-plan=ranks=2 | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#vector = affine_map<(i) -> (i)>

// Rows that are looked up count as the table. What is read as it is shares one bucket, which is less than a layer.
// CHECK: ragged.bucket @layers.0 ranks 2 shard {{.*}} : f32 {slots = [#ragged.slot<"layers.0.table" {{.*}}>, #ragged.slot<"layers.0.weight" {{.*}}>]}
// CHECK: ragged.bucket @f32 ranks 2 shard {{.*}} : f32 {slots = [#ragged.slot<"layers.0.norm" {{.*}}>, #ragged.slot<"layers.1.norm" {{.*}}>, #ragged.slot<"layers.1.both" {{.*}}>]}
func.func @main(%t: tensor<9x8xf32> {nn.param = "layers.0.table"}, %w: tensor<16x8xf32> {nn.param = "layers.0.weight"},
                %n: tensor<8xf32> {nn.param = "layers.0.norm"}, %m: tensor<8xf32> {nn.param = "layers.1.norm"},
                %b: tensor<4x4xf32> {nn.param = "layers.1.both"}, %i: tensor<3xi64>)
    -> (tensor<3x8xbf16>, tensor<16x8xbf16>, tensor<8xf32>, tensor<8xf32>, tensor<4x4xbf16>, tensor<4x4xf32>) {
  %r = nn.embedding %t, %i : tensor<9x8xf32>, tensor<3xi64> -> tensor<3x8xf32>
  %re = tensor.empty() : tensor<3x8xbf16>
  %rn = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<3x8xf32>) outs(%re : tensor<3x8xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<3x8xbf16>
  %we = tensor.empty() : tensor<16x8xbf16>
  %wn = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<16x8xf32>) outs(%we : tensor<16x8xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<16x8xbf16>
  %ne = tensor.empty() : tensor<8xf32>
  %s = linalg.generic {indexing_maps = [#vector, #vector, #vector], iterator_types = ["parallel"]} ins(%n, %m : tensor<8xf32>, tensor<8xf32>) outs(%ne : tensor<8xf32>) {
  ^bb0(%x: f32, %z: f32, %o: f32):
    %y = arith.addf %x, %z : f32
    linalg.yield %y : f32
  } -> tensor<8xf32>
  %be = tensor.empty() : tensor<4x4xbf16>
  %bn = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%b : tensor<4x4xf32>) outs(%be : tensor<4x4xbf16>) {
  ^bb0(%x: f32, %o: bf16):
    %y = arith.truncf %x : f32 to bf16
    linalg.yield %y : bf16
  } -> tensor<4x4xbf16>
  return %rn, %wn, %s, %m, %bn, %b : tensor<3x8xbf16>, tensor<16x8xbf16>, tensor<8xf32>, tensor<8xf32>, tensor<4x4xbf16>, tensor<4x4xf32>
}

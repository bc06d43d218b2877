// Lengths reach the bundle of a CPU; a GPU's library has no such call, so that what was fused for a CPU is refused.

// RUN: raddle-compile %s -o %t.raddle
// RUN: raddle-translate --bundle-to-json %t.raddle | FileCheck %s --check-prefix=BUNDLE
// BUNDLE: "action_type":"Attention"
// BUNDLE-SAME: "dtype":"I64"
// BUNDLE-NOT: "has_mask"
// BUNDLE-SAME: "has_lengths":true

// RUN: raddle-compile %s --stop-after=fuse -o %t.fuse.mlir
// RUN: not raddle-compile %t.fuse.mlir --target=cuda:sm_90 --stop-after=generate 2>&1 | FileCheck %s --check-prefix=FUSED
// FUSED: 'exec.attention' op is a call of the CPU's runtime, --target=cuda:sm_90 has none (cuDNN before 9.25 has no result where a length is zero): compile from stage 'shard' or an earlier one
module attributes {nn.stage = "shard"} {
  func.func @main(%q: tensor<2x2x4x8xbf16> {nn.input = "q"}, %lengths: tensor<2xi64> {nn.input = "lengths"})
      -> (tensor<2x2x4x8xbf16> {nn.output = "out"}) {
    %empty = tensor.empty() : tensor<2x1x1x4xi1>
    %mask = linalg.generic {indexing_maps = [affine_map<(b, h, s, t) -> (b)>, affine_map<(b, h, s, t) -> (b, h, s, t)>],
        iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%lengths : tensor<2xi64>) outs(%empty : tensor<2x1x1x4xi1>) {
    ^bb0(%length: i64, %old: i1):
      %i = linalg.index 3 : index
      %t = arith.index_cast %i : index to i64
      %c = arith.cmpi slt, %t, %length : i64
      linalg.yield %c : i1
    } -> tensor<2x1x1x4xi1>
    %out, %lse = nn.attention %q, %q, %q mask %mask {scale = 0.5 : f64}
      : tensor<2x2x4x8xbf16>, tensor<2x2x4x8xbf16>, tensor<2x2x4x8xbf16> mask tensor<2x1x1x4xi1>
      -> tensor<2x2x4x8xbf16>, tensor<2x2x4xf32>
    return %out : tensor<2x2x4x8xbf16>
  }
}

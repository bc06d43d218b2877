// Calls of cuDNN reach the bundle as they were asked for.

// RUN: raddle-compile %s --target=cuda:sm_90 -o %t.ordered.raddle
// RUN: raddle-translate --bundle-to-json %t.ordered.raddle | FileCheck %s --check-prefix=ORDERED
// RUN: raddle-compile %s --target=cuda:sm_90 --gpu-attention=cudnn-unordered -o %t.unordered.raddle
// RUN: raddle-translate --bundle-to-json %t.unordered.raddle | FileCheck %s --check-prefix=UNORDERED
// RUN: raddle-compile %s --target=cuda:sm_90 --gpu-attention=decompose -o %t.none.raddle
// RUN: raddle-translate --bundle-to-json %t.none.raddle | FileCheck %s --check-prefix=NONE

// ORDERED-COUNT-2: "action_type":"Attention"
// ORDERED-NOT: "unordered"
// UNORDERED-COUNT-1: "unordered":true
// UNORDERED-NOT: "unordered"
// NONE-NOT: "Attention"
module attributes {nn.stage = "shard"} {
  func.func @main(%q: tensor<1x2x4x8xbf16> {nn.input = "q"}, %m: tensor<1x1x4x4xi1> {nn.input = "m"})
      -> (tensor<1x2x4x8xbf16> {nn.output = "dq"}) {
    %out, %lse = nn.attention %q, %q, %q mask %m {scale = 0.5 : f64}
      : tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16> mask tensor<1x1x4x4xi1>
      -> tensor<1x2x4x8xbf16>, tensor<1x2x4xf32>
    %dq, %dk, %dv = nn.attention_grad %q, %q, %q mask %m out %out, %lse grad %q {scale = 0.5 : f64}
      : tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16> mask tensor<1x1x4x4xi1>, tensor<1x2x4x8xbf16>,
      tensor<1x2x4xf32>, tensor<1x2x4x8xbf16> -> tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>, tensor<1x2x4x8xbf16>
    return %dq : tensor<1x2x4x8xbf16>
  }
}

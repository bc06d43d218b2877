// A bucket that is gathered or packed in another type than its states has its slots at the same elements of that type.

// RUN: raddle-opt %s --schedule-assign --schedule-verify | FileCheck %s

ragged.bucket @b ranks 2 shard 64 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [4, 12] unit 1>, #ragged.slot<"v" at 64 shape [32] unit 1>]
}
func.func private @narrow(%s: tensor<64xf32>) -> tensor<64xbf16> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<64xbf16>
  return %e : tensor<64xbf16>
}
func.func private @forward(%w: tensor<4x12xbf16>, %v: tensor<32xbf16>) -> tensor<32xbf16> attributes {exec.kernel} { return %v : tensor<32xbf16> }
func.func private @backward(%h: tensor<32xbf16>) -> tensor<4x12xbf16> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<4x12xbf16>
  return %e : tensor<4x12xbf16>
}

// CHECK-LABEL: exec.program @step
// v is 64 elements, 128 bytes, behind the start.
// CHECK: exec.collective all_gather sum %{{.*}} into %{{.*}} : memref<64xbf16>, memref<128xbf16>
// CHECK: %[[W:.*]] = exec.buffer arena[0] at [[#%u,PARAMS:]] : memref<4x12xbf16>
// CHECK: %[[V:.*]] = exec.buffer arena[0] at [[#PARAMS + 128]] : memref<32xbf16>
// CHECK: exec.dispatch @forward ins(%[[W]], %[[V]]
// CHECK: %[[DW:.*]] = exec.buffer arena[0] at [[#%u,GRADS:]] : memref<4x12xbf16>
// CHECK: exec.dispatch @backward ins(%{{.*}}) outs(%[[DW]]
// What no slot covers is cleared.
// CHECK: %[[GAP:.*]] = exec.buffer arena[0] at [[#GRADS + 96]] : memref<16xbf16>
// CHECK: exec.zero %[[GAP]]
// CHECK: exec.collective reduce_scatter mean %{{.*}} into %{{.*}} : memref<128xbf16>, memref<64xbf16>
func.func @step(%s: tensor<64xf32> {ragged.state = "b.param", ragged.bucket = @b, ragged.role = "param"}) -> tensor<64xbf16> {
  %n = exec.dispatch @narrow ins(%s : tensor<64xf32>) -> tensor<64xbf16>
  %full = ragged.gather %n of @b : tensor<64xbf16> -> tensor<128xbf16>
  %w = ragged.slot "w" of %full in @b : tensor<128xbf16> -> tensor<4x12xbf16>
  %v = ragged.slot "v" of %full in @b : tensor<128xbf16> -> tensor<32xbf16>
  %h = exec.dispatch @forward ins(%w, %v : tensor<4x12xbf16>, tensor<32xbf16>) -> tensor<32xbf16>
  %dw = exec.dispatch @backward ins(%h : tensor<32xbf16>) -> tensor<4x12xbf16>
  %pack = ragged.pack %dw, %h into @b : (tensor<4x12xbf16>, tensor<32xbf16>) -> tensor<128xbf16>
  %g = ragged.reduce_scatter <mean> %pack of @b : tensor<128xbf16> -> tensor<64xbf16>
  return %g : tensor<64xbf16>
}

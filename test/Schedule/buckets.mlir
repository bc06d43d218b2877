// Buckets: nothing is copied to unpack parameters or to pack gradients, states are updated where they lie, and the compute
// stream waits for the communication stream just before it needs its results.

// RUN: raddle-opt %s --split-input-file --schedule-assign --schedule-verify | FileCheck %s
// RUN: raddle-opt %s --split-input-file --schedule-assign --remarks-filter=schedule-assign -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: remark: [Analysis] copied | Category:schedule-assign | Remark=step, {{.*}}Remark=0, Remark=" bytes are copied into buckets, ", Remark=0, Remark=" bytes into results"
// REMARK: Remark=shared, {{.*}}Remark=256, Remark=" bytes are copied into buckets, "
// REMARK: Remark=read_later, {{.*}}Remark=0, Remark=" bytes are copied into buckets, ", Remark=128, Remark=" bytes into results"
// REMARK: Remark=unchanged, {{.*}}Remark=0, Remark=" bytes are copied into buckets, ", Remark=0, Remark=" bytes into results"

ragged.bucket @b ranks 2 shard 64 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [4, 12] unit 1>, #ragged.slot<"v" at 64 shape [32] unit 1>]
}
func.func private @forward(%w: tensor<4x12xf32>, %v: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %v : tensor<32xf32> }
func.func private @backward_w(%v: tensor<32xf32>) -> tensor<48xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<48xf32>
  return %e : tensor<48xf32>
}
func.func private @backward_v(%v: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %v : tensor<32xf32> }
func.func private @update(%p: tensor<64xf32>, %g: tensor<64xf32>) -> tensor<64xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<64xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%p, %g : tensor<64xf32>, tensor<64xf32>) outs(%e : tensor<64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.subf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<64xf32>
  return %1 : tensor<64xf32>
}

// CHECK-LABEL: exec.program @step
// CHECK-SAME: states [{ragged.bucket = @b, ragged.role = "param", ragged.state = "b.param", type = tensor<64xf32>}]
// CHECK-SAME: name = "gradients of b"
// CHECK-SAME: name = "parameters of b"

// Communication begins when compute has reached this point, and compute goes on behind the second event.
// CHECK: %[[SLICE:.*]] = exec.buffer state[0] at 0 : memref<64xf32>
// CHECK: %[[FULL:.*]] = exec.buffer arena[0] at [[PARAMS:[0-9]+]] : memref<128xf32>
// CHECK: exec.record 0 on 0
// CHECK: exec.wait 0 on 1
// CHECK: exec.collective all_gather sum %[[SLICE]] into %[[FULL]]
// CHECK: exec.record 1 on 1
// CHECK: exec.wait 1 on 0
// Slots are addresses in the gathered bucket: v is 64 elements behind its start.
// CHECK-DAG: %[[W:.*]] = exec.buffer arena[0] at [[PARAMS]] : memref<4x12xf32>
// CHECK-DAG: %[[V:.*]] = exec.buffer arena[0] at {{[0-9]+}} : memref<32xf32>
// CHECK: exec.dispatch @forward ins(%[[W]], %[[V]] : memref<4x12xf32>, memref<32xf32>) outs(%[[H:[a-z0-9]+]]

// Gradients are written into the bucket that is sent.
// CHECK: %[[DV:.*]] = exec.buffer arena[0] at {{[0-9]+}} : memref<32xf32>
// CHECK: exec.dispatch @backward_v ins(%[[H]] : memref<32xf32>) outs(%[[DV]] : memref<32xf32>)
// CHECK: %[[DW:.*]] = exec.buffer arena[0] at [[GRADS:[0-9]+]] : memref<48xf32>
// CHECK: exec.dispatch @backward_w ins(%[[H]] : memref<32xf32>) outs(%[[DW]] : memref<48xf32>)
// CHECK-NOT: exec.copy
// Only what no slot covers is cleared: between w and v, and behind v.
// CHECK: exec.zero %{{.*}} : memref<16xf32>
// CHECK: exec.zero %{{.*}} : memref<32xf32>
// CHECK: %[[ALL:.*]] = exec.buffer arena[0] at [[GRADS]] : memref<128xf32>
// CHECK: %[[MINE:.*]] = exec.buffer arena[0] at {{[0-9]+}} : memref<64xf32>
// CHECK: exec.collective reduce_scatter mean %[[ALL]] into %[[MINE]]
// CHECK: exec.record 3 on 1
// CHECK: exec.wait 3 on 0
// The state is updated where it lies.
// CHECK: exec.dispatch @update ins(%[[SLICE]], %[[MINE]] : memref<64xf32>, memref<64xf32>) outs(%[[SLICE]] : memref<64xf32>)
// CHECK-NOT: exec.copy
func.func @step(%s: tensor<64xf32> {ragged.state = "b.param", ragged.bucket = @b, ragged.role = "param"})
    -> (tensor<64xf32> {ragged.alias = "b.param"}) {
  %full = ragged.gather %s of @b : tensor<64xf32> -> tensor<128xf32>
  %w = ragged.slot "w" of %full in @b : tensor<128xf32> -> tensor<4x12xf32>
  %v = ragged.slot "v" of %full in @b : tensor<128xf32> -> tensor<32xf32>
  %h = exec.dispatch @forward ins(%w, %v : tensor<4x12xf32>, tensor<32xf32>) -> tensor<32xf32>
  %dv = exec.dispatch @backward_v ins(%h : tensor<32xf32>) -> tensor<32xf32>
  %dwf = exec.dispatch @backward_w ins(%h : tensor<32xf32>) -> tensor<48xf32>
  %dw = tensor.expand_shape %dwf [[0, 1]] output_shape [4, 12] : tensor<48xf32> into tensor<4x12xf32>
  %pack = ragged.pack %dw, %dv into @b : (tensor<4x12xf32>, tensor<32xf32>) -> tensor<128xf32>
  %g = ragged.reduce_scatter <mean> %pack of @b : tensor<128xf32> -> tensor<64xf32>
  %p = exec.dispatch @update ins(%s, %g : tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %p : tensor<64xf32>
}

// -----

// Copies that no placement avoids: a gradient of two slots lies in the first one and is copied into the second; one that nobody
// computed here is copied too.
ragged.bucket @b ranks 1 shard 96 : f32 {
  slots = [#ragged.slot<"a" at 0 shape [32] unit 1>, #ragged.slot<"b" at 32 shape [32] unit 1>, #ragged.slot<"c" at 64 shape [32] unit 1>]
}
func.func private @kernel(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %x : tensor<32xf32> }
// CHECK-LABEL: exec.program @shared
// CHECK: %[[X:.*]] = exec.buffer input[0] at 0
// CHECK: %[[A:.*]] = exec.buffer arena[0] at 0 : memref<32xf32>
// CHECK: exec.dispatch @kernel ins(%[[X]]{{.*}} outs(%[[A]]
// CHECK: %[[B:.*]] = exec.buffer arena[0] at 128 : memref<32xf32>
// CHECK: exec.copy %[[A]] into %[[B]]
// CHECK: %[[C:.*]] = exec.buffer arena[0] at 256 : memref<32xf32>
// CHECK: exec.copy %[[X]] into %[[C]]
// CHECK-NOT: exec.zero
func.func @shared(%x: tensor<32xf32>) -> tensor<96xf32> {
  %g = exec.dispatch @kernel ins(%x : tensor<32xf32>) -> tensor<32xf32>
  %pack = ragged.pack %g, %g, %x into @b : (tensor<32xf32>, tensor<32xf32>, tensor<32xf32>) -> tensor<96xf32>
  return %pack : tensor<96xf32>
}

// -----

// A state that is read after its next value is computed is not overwritten before: the new value is copied at the end. So it is where
// the kernel reads an element of the state after it may have been written.
func.func private @kernel(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %x : tensor<32xf32> }
func.func private @reverse(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<32xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %last = arith.constant 31 : index
    %j = arith.subi %last, %i : index
    %v = tensor.extract %x[%j] : tensor<32xf32>
    linalg.yield %v : f32
  } -> tensor<32xf32>
  return %0 : tensor<32xf32>
}
// CHECK-LABEL: exec.program @read_later
// CHECK: %[[S:.*]] = exec.buffer state[0]
// CHECK: %[[NEXT:.*]] = exec.buffer arena[0]
// CHECK: exec.dispatch @kernel ins(%[[S]]{{.*}} outs(%[[NEXT]]
// CHECK: exec.dispatch @kernel ins(%[[S]]{{.*}} outs(%{{.*}}
// CHECK: exec.copy %[[NEXT]] into %[[S]]
func.func @read_later(%s: tensor<32xf32> {ragged.state = "s"}) -> (tensor<32xf32> {ragged.alias = "s"}, tensor<32xf32>) {
  %next = exec.dispatch @kernel ins(%s : tensor<32xf32>) -> tensor<32xf32>
  %old = exec.dispatch @kernel ins(%s : tensor<32xf32>) -> tensor<32xf32>
  return %next, %old : tensor<32xf32>, tensor<32xf32>
}
// CHECK-LABEL: exec.program @crosswise
// CHECK: %[[S:.*]] = exec.buffer state[0]
// CHECK: exec.dispatch @reverse ins(%[[S]]{{.*}} outs(%[[NEXT:[a-z0-9]+]]
// CHECK: exec.copy %[[NEXT]] into %[[S]]
func.func @crosswise(%s: tensor<32xf32> {ragged.state = "s"}) -> (tensor<32xf32> {ragged.alias = "s"}) {
  %next = exec.dispatch @reverse ins(%s : tensor<32xf32>) -> tensor<32xf32>
  return %next : tensor<32xf32>
}
// A state that stays as it is costs nothing.
// CHECK-LABEL: exec.program @unchanged
// CHECK-NOT: exec.copy
func.func @unchanged(%s: tensor<32xf32> {ragged.state = "s"}) -> (tensor<32xf32> {ragged.alias = "s"}) {
  return %s : tensor<32xf32>
}

// -----

// The old value goes out before the new one takes its place.
func.func private @kernel(%x: tensor<32xf32>) -> tensor<32xf32> attributes {exec.kernel} { return %x : tensor<32xf32> }
// CHECK-LABEL: exec.program @old_value
// CHECK: %[[S:.*]] = exec.buffer state[0]
// CHECK: exec.dispatch @kernel ins(%[[S]]{{.*}} outs(%[[NEXT:[a-z0-9]+]]
// CHECK: %[[OLD:.*]] = exec.buffer output[0]
// CHECK: exec.copy %[[S]] into %[[OLD]]
// CHECK: exec.copy %[[NEXT]] into %[[S]]
func.func @old_value(%s: tensor<32xf32> {ragged.state = "s"}) -> (tensor<32xf32> {ragged.alias = "s"}, tensor<32xf32>) {
  %next = exec.dispatch @kernel ins(%s : tensor<32xf32>) -> tensor<32xf32>
  return %next, %s : tensor<32xf32>, tensor<32xf32>
}

// -----

// Two states that change places: each old value is read before it is gone.
// CHECK-LABEL: exec.program @swapped
// CHECK: %[[KEPT:.*]] = exec.buffer arena[0]
// CHECK: exec.copy %{{.*}} into %[[KEPT]]
// CHECK: exec.copy %[[KEPT]] into
func.func @swapped(%s: tensor<32xf32> {ragged.state = "s"}, %t: tensor<32xf32> {ragged.state = "t"})
    -> (tensor<32xf32> {ragged.alias = "s"}, tensor<32xf32> {ragged.alias = "t"}) {
  return %t, %s : tensor<32xf32>, tensor<32xf32>
}

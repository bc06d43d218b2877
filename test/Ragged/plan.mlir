// Where parameters lie. A bucket is one flat buffer, cut into equal slices for the ranks; parameters of a layer share one.

// RUN: raddle-opt %s --ragged-plan=ranks=1 | FileCheck %s --check-prefix=ONE
// RUN: raddle-opt %s --ragged-plan=ranks=2 | FileCheck %s --check-prefix=TWO
// RUN: raddle-opt %s --ragged-plan=ranks=3 | FileCheck %s --check-prefix=THREE
// RUN: raddle-opt %s --ragged-plan=ranks=4 | FileCheck %s --check-prefix=FOUR
// RUN: raddle-opt %s --ragged-plan=ranks=6 | FileCheck %s --check-prefix=SIX

// A layer is the name up to its first number. A weight of 77 elements ends at 77; offsets are multiples of 128 bytes, 32
// elements of f32, so the bias starts at 96, not at 77. Both slots together end at 107: one rank needs 128.
// ONE-DAG: ragged.bucket @model.layers.0 ranks 1 shard 128 : f32 {slots = [#ragged.slot<"model.layers.0.weight" at 0 shape [7, 11] unit 1>, #ragged.slot<"model.layers.0.bias" at 96 shape [11] unit 1>]}
// Two ranks own 64 each: the boundary lies inside the weight, which may be cut between any two elements.
// TWO-DAG: ragged.bucket @model.layers.0 ranks 2 shard 64 : f32 {slots = [#ragged.slot<"model.layers.0.weight" at 0 shape [7, 11] unit 1>, #ragged.slot<"model.layers.0.bias" at 96 shape [11] unit 1>]}
// Slices are multiples of 128 bytes too: three ranks own 64 each, though 36 would do; four own 32.
// THREE-DAG: ragged.bucket @model.layers.0 ranks 3 shard 64 : f32
// FOUR-DAG: ragged.bucket @model.layers.0 ranks 4 shard 32 : f32
// Six ranks own 32 each; the last two own padding only.
// SIX-DAG: ragged.bucket @model.layers.0 ranks 6 shard 32 : f32 {slots = [#ragged.slot<"model.layers.0.weight" at 0 shape [7, 11] unit 1>, #ragged.slot<"model.layers.0.bias" at 96 shape [11] unit 1>]}

// Layer 10 is not layer 1.
// TWO-DAG: ragged.bucket @model.layers.1 ranks 2 shard {{.*}} : f32 {slots = [#ragged.slot<"model.layers.1.weight" at 0 shape [4, 4] unit 1>]}
// TWO-DAG: ragged.bucket @model.layers.10 ranks 2 shard {{.*}} : f32 {slots = [#ragged.slot<"model.layers.10.weight" at 0 shape [4, 4] unit 1>]}

// What is in no layer is in the rest, unless it is large.
// TWO-DAG: ragged.bucket @rest ranks 2 shard 32 : f32 {slots = [#ragged.slot<"norm.weight" at 0 shape [8] unit 1>, #ragged.slot<"scale" at 32 shape [] unit 1>]}
// TWO-DAG: ragged.bucket @embed.weight ranks 2 shard 32768 : f32 {slots = [#ragged.slot<"embed.weight" at 0 shape [1024, 64] unit 1>]}

// Frozen parameters lie apart: their buckets have neither gradients nor states.
// TWO-DAG: ragged.bucket @rest.frozen ranks 2 shard 32 : f32 {slots = [#ragged.slot<"fixed" at 0 shape [5] unit 1>]}

// A bucket has one element type; 128 bytes are 64 elements of bf16.
// TWO-DAG: ragged.bucket @model.layers.2 ranks 2 shard 32 : f32 {slots = [#ragged.slot<"model.layers.2.norm" at 0 shape [3] unit 1>]}
// TWO-DAG: ragged.bucket @model.layers.2.bf16 ranks 2 shard 64 : bf16 {slots = [#ragged.slot<"model.layers.2.weight" at 0 shape [3, 3] unit 1>, #ragged.slot<"model.layers.2.bias" at 64 shape [3] unit 1>]}

// Parameters of all functions, each once.
// TWO-NOT: ragged.bucket
// TWO: func.func @main(
func.func @main(%a: tensor<7x11xf32> {nn.param = "model.layers.0.weight"}, %b: tensor<11xf32> {nn.param = "model.layers.0.bias"},
                %c: tensor<4x4xf32> {nn.param = "model.layers.1.weight"}, %d: tensor<4x4xf32> {nn.param = "model.layers.10.weight"},
                %e: tensor<8xf32> {nn.param = "norm.weight"}, %f: tensor<f32> {nn.param = "scale"},
                %g: tensor<1024x64xf32> {nn.param = "embed.weight"}, %h: tensor<5xf32> {nn.param = "fixed", nn.frozen},
                %i: tensor<3xf32> {nn.param = "model.layers.2.norm"}, %j: tensor<3x3xbf16> {nn.param = "model.layers.2.weight"},
                %k: tensor<3xbf16> {nn.param = "model.layers.2.bias"}, %x: tensor<2x4xf32> {nn.input = "x"}) {
  return
}
func.func @eval(%e: tensor<8xf32> {nn.param = "norm.weight"}) { return }

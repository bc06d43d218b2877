// The ranks of a module are its grid: replicas x shards.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics --ragged-plan --ragged-partition --ragged-verify -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: raddle-opt %s --split-input-file --verify-diagnostics --ragged-plan="ranks=6 replicas=2" --ragged-partition -o /dev/null
// RUN: %if plugin %{ mlir-opt-22 --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --split-input-file \
// RUN:   --verify-diagnostics --pass-pipeline='builtin.module(ragged-plan,ragged-partition,ragged-verify)' %s \
// RUN:   | FileCheck %s %}

// Two replicas of three shards each.
// CHECK: module attributes {ragged.mesh = @nodes, ragged.ranks = 6 : i64}
// CHECK: ragged.bucket @layers.0 ranks 3 shard 64 : f32
// CHECK: shard.grid @nodes(shape = 2x3)
// CHECK: ragged.gather %{{.*}} of @layers.0 : tensor<64xf32> -> tensor<192xf32>
shard.grid @nodes(shape = 2x3)
func.func @main(%w: tensor<64x2xf32> {nn.param = "layers.0.weight"}) -> (tensor<64x2xf32> {nn.output = "w"}) { return %w : tensor<64x2xf32> }

// -----

// The module names one of several.
// CHECK: module attributes {ragged.mesh = @b, ragged.ranks = 6 : i64}
// CHECK: ragged.bucket @rest ranks 3
module attributes {ragged.mesh = @b} {
  shard.grid @a(shape = 4x4)
  shard.grid @b(shape = 2x3)
  func.func @main(%w: tensor<64xf32> {nn.param = "w"}) { return }
}

// -----

// expected-error @+1 {{has several grids, expects 'ragged.mesh' to name one of: 'a', 'b'}}
module {
  shard.grid @a(shape = 4x4)
  shard.grid @b(shape = 2x3)
}

// -----

// expected-error @+1 {{attribute 'ragged.mesh' expects a 'shard.grid', @c is none}}
module attributes {ragged.mesh = @c} {
  shard.grid @b(shape = 2x3)
}

// -----

// expected-error @+1 {{attribute 'ragged.mesh' must name a 'shard.grid', is 3 : i64}}
module attributes {ragged.mesh = 3 : i64} {
}

// -----

// expected-error @+1 {{grid 'g' expects a shape of replicas x shards, or of shards, is 2x?}}
shard.grid @g(shape = 2x?)

// -----

// expected-error @+1 {{grid 'g' expects a shape of replicas x shards, or of shards, is 2x3x4}}
shard.grid @g(shape = 2x3x4)

// -----

// A bucket by hand is cut over the last axis.
shard.grid @g(shape = 2x3)
// expected-error @+1 {{is cut over 6 ranks, expects 3, as the last axis of the module's grid}}
ragged.bucket @by_hand ranks 6 shard 32 : f32 {slots = [#ragged.slot<"w" at 0 shape [64] unit 1>]}
func.func @main(%w: tensor<64xf32> {nn.param = "w"}) { return }

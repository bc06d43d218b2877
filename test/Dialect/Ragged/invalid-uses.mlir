// Constraints of what uses a bucket, and of the all-reduce, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

func.func @no_bucket(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects a bucket, @layers_0 is none}}
  %full = ragged.gather %slice of @layers_0 : tensor<48xf32> -> tensor<96xf32>
  return
}

// -----

func.func private @function()

func.func @other_symbol(%full: tensor<96xf32>) {
  // expected-error @+1 {{expects a bucket, @function is none}}
  %slice = ragged.reduce_scatter <mean> %full of @function : tensor<96xf32> -> tensor<48xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_gather_c1
func.func @gather_slice(%slice: tensor<96xf32>) {
  // expected-error @+1 {{expects a slice of type 'tensor<48xf32>', is 'tensor<96xf32>'}}
  %full = ragged.gather %slice of @b : tensor<96xf32> -> tensor<96xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_gather_c1
func.func @gather_whole(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects the whole bucket of type 'tensor<96xf32>', is 'tensor<96xf16>'}}
  %full = ragged.gather %slice of @b : tensor<48xf32> -> tensor<96xf16>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_slot_c1
func.func @slot_name(%full: tensor<96xf32>) {
  // expected-error @+1 {{expects a slot of bucket @b, 'bias' is none}}
  %w = ragged.slot "bias" of %full in @b : tensor<96xf32> -> tensor<6x10xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_slot_c2
func.func @slot_shape(%full: tensor<96xf32>) {
  // expected-error @+1 {{expects slot 'w' of type 'tensor<6x10xf32>', is 'tensor<10x6xf32>'}}
  %w = ragged.slot "w" of %full in @b : tensor<96xf32> -> tensor<10x6xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_slot_c2
func.func @slot_whole(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects the whole bucket of type 'tensor<96xf32>', is 'tensor<48xf32>'}}
  %w = ragged.slot "w" of %slice in @b : tensor<48xf32> -> tensor<6x10xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>, #ragged.slot<"v" at 64 shape [10] unit 1>]
}

// ragged_pack_c1
func.func @pack_count(%w: tensor<6x10xf32>) {
  // expected-error @+1 {{expects 2 tensors, one a slot of @b, is 1}}
  %full = ragged.pack %w into @b : (tensor<6x10xf32>) -> tensor<96xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>, #ragged.slot<"v" at 64 shape [10] unit 1>]
}

// ragged_pack_c1
func.func @pack_order(%w: tensor<6x10xf32>, %v: tensor<10xf32>) {
  // expected-error @+1 {{expects slot 'w' of type 'tensor<6x10xf32>', is 'tensor<10xf32>'}}
  %full = ragged.pack %v, %w into @b : (tensor<10xf32>, tensor<6x10xf32>) -> tensor<96xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_pack_c2
func.func @pack_result(%w: tensor<6x10xf32>) {
  // expected-error @+1 {{expects the whole bucket of type 'tensor<96xf32>', is 'tensor<60xf32>'}}
  %full = ragged.pack %w into @b : (tensor<6x10xf32>) -> tensor<60xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_reduce_scatter_c1
func.func @scatter_whole(%full: tensor<90xf32>) {
  // expected-error @+1 {{expects the whole bucket of type 'tensor<96xf32>', is 'tensor<90xf32>'}}
  %slice = ragged.reduce_scatter <sum> %full of @b : tensor<90xf32> -> tensor<48xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_reduce_scatter_c1
func.func @scatter_slice(%full: tensor<96xf32>) {
  // expected-error @+1 {{expects a slice of type 'tensor<48xf32>', is 'tensor<24xf32>'}}
  %slice = ragged.reduce_scatter <sum> %full of @b : tensor<96xf32> -> tensor<24xf32>
  return
}

// -----

// ragged_all_reduce_c1
func.func @ranks(%loss: tensor<f32>) {
  // expected-error @+1 {{expects a positive number of ranks, is -1}}
  %mean = ragged.all_reduce <mean> %loss over -1 : tensor<f32>
  return
}

// -----

func.func @reduction(%loss: tensor<f32>) {
  // expected-error @+2 {{expected ::raddle::ragged::Reduction to be one of: sum, mean, max}}
  // expected-error @+1 {{failed to parse Ragged_ReductionAttr}}
  %mean = ragged.all_reduce <product> %loss over 2 : tensor<f32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}
ragged.bucket @c ranks 2 shard 32 : f32 {slots = [#ragged.slot<"w" at 0 shape [60] unit 1>]}

// ragged_redistribute_c1
func.func @redistribute_slice(%slice: tensor<32xf32>) {
  // expected-error @+1 {{expects a slice of type 'tensor<48xf32>', is 'tensor<32xf32>'}}
  %other = ragged.redistribute %slice from @b to @c : tensor<32xf32> -> tensor<32xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}
ragged.bucket @c ranks 2 shard 32 : f32 {slots = [#ragged.slot<"v" at 0 shape [60] unit 1>]}

// ragged_redistribute_c2
func.func @redistribute_names(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects 60 elements of 'w' in bucket @c, is 0}}
  %other = ragged.redistribute %slice from @b to @c : tensor<48xf32> -> tensor<32xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}
ragged.bucket @c ranks 3 shard 32 : f32 {slots = [#ragged.slot<"w" at 0 shape [60] unit 1>]}

// ragged_redistribute_c2
func.func @redistribute_ranks(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects buckets of as many ranks, is 2 and 3}}
  %other = ragged.redistribute %slice from @b to @c : tensor<48xf32> -> tensor<32xf32>
  return
}

// -----

// expected-note @+1 {{bucket 'b' is here}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_gather_to_roots_c1
func.func @gather_to_roots_shape(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects slot 'w' of type 'tensor<6x10xf32>', is 'tensor<60xf32>'}}
  %w = ragged.gather_to_roots %slice of @b roots [0] : (tensor<48xf32>) -> tensor<60xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_gather_to_roots_c2
func.func @gather_to_roots_range(%slice: tensor<48xf32>) {
  // expected-error @+1 {{expects roots in [0, 2), is 2}}
  %w = ragged.gather_to_roots %slice of @b roots [2] : (tensor<48xf32>) -> tensor<6x10xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_scatter_from_roots_c1
func.func @scatter_from_roots_count(%w: tensor<6x10xf32>) {
  // expected-error @+1 {{expects 1 tensors, one a slot of 'b', is 2}}
  %slice = ragged.scatter_from_roots %w, %w into @b roots [0] : (tensor<6x10xf32>, tensor<6x10xf32>) -> tensor<48xf32>
  return
}

// -----

ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 1>]}

// ragged_scatter_from_roots_c2
func.func @scatter_from_roots_count_of_roots(%w: tensor<6x10xf32>) {
  // expected-error @+1 {{expects 1 roots, one a slot of 'b', is 2}}
  %slice = ragged.scatter_from_roots %w into @b roots [0, 1] : (tensor<6x10xf32>) -> tensor<48xf32>
  return
}

// Constraints of a bucket, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// ragged_bucket_c1
// expected-error @+1 {{expects positive 'ranks' and 'shard', is 0 and 96}}
ragged.bucket @b ranks 0 shard 96 : f32 {slots = []}

// -----

// ragged_bucket_c1
// expected-error @+1 {{expects positive 'ranks' and 'shard', is 4 and -8}}
ragged.bucket @b ranks 4 shard -8 : f32 {slots = []}

// -----

// ragged_bucket_c1: nor may their product overflow
// expected-error @+1 {{expects fewer than 2^63 elements, is 4 * 4611686018427387904}}
ragged.bucket @b ranks 4 shard 4611686018427387904 : f32 {slots = []}

// -----

// ragged_bucket_c2
// expected-error @+1 {{slot 'w' has 64 elements from 40, outside the bucket's [0, 96)}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 40 shape [8, 8] unit 1>]}

// -----

// ragged_bucket_c2
// expected-error @+1 {{slot 'w' has 4 elements from -4, outside the bucket's [0, 96)}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at -4 shape [4] unit 1>]}

// -----

// The end of the slot is no number of 64 bits.
// ragged_bucket_c2
// expected-error @+1 {{slot 'w' has 4 elements from 9223372036854775807, outside the bucket's [0, 96)}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 9223372036854775807 shape [4] unit 1>]}

// -----

// ragged_bucket_c2
// expected-error @+1 {{slot 'w' has an extent or a size out of range}}
ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [4611686018427387904, 8] unit 1>]
}

// -----

// ragged_bucket_c2
// expected-error @+1 {{slot 'w' has an extent or a size out of range}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [-2, -2] unit 1>]}

// -----

// ragged_bucket_c3
// expected-error @+1 {{slots 'v' and 'w' overlap}}
ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 31 shape [16] unit 1>, #ragged.slot<"v" at 0 shape [32] unit 1>]
}

// -----

// ragged_bucket_c3
// expected-error @+1 {{has two slots named 'w'}}
ragged.bucket @b ranks 2 shard 48 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [16] unit 1>, #ragged.slot<"w" at 32 shape [16] unit 1>]
}

// -----

// ragged_bucket_c4: rows of 10 elements, the second rank starts inside the fifth
// expected-error @+1 {{boundary of rank 1 at element 48 cuts a unit of 10 elements of slot 'w' at 0}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 10>]}

// -----

// ragged_bucket_c4: the first boundary lies between two rows, the second one does not
// expected-error @+1 {{boundary of rank 2 at element 96 cuts a unit of 10 elements of slot 'w' at 8}}
ragged.bucket @b ranks 3 shard 48 : f32 {slots = [#ragged.slot<"w" at 8 shape [12, 10] unit 10>]}

// -----

// ragged_bucket_c4: the last unit may be shorter, none may be cut
// expected-error @+1 {{boundary of rank 1 at element 48 cuts a unit of 7 elements of slot 'w' at 0}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 7>]}

// -----

// ragged_bucket_c4
// expected-error @+1 {{slot 'w' expects a positive unit, is 0}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = [#ragged.slot<"w" at 0 shape [6, 10] unit 0>]}

// -----

// ragged_bucket_c5
// expected-error @+1 {{expects 'parameters' to be 1 dictionaries, is [{}, {}]}}
ragged.bucket @b ranks 2 shard 48 : f32 {parameters = [{}, {}], slots = [#ragged.slot<"w" at 0 shape [60] unit 1>]}

// -----

// expected-error @+1 {{expects '#ragged.slot' attributes as 'slots', is "w"}}
ragged.bucket @b ranks 2 shard 48 : f32 {slots = ["w"]}

// -----

// ragged_bucket_c6
// expected-error @+1 {{expects numbers as elements, at most 2^47 bytes of them, is 16 of type 'index'}}
ragged.bucket @b ranks 2 shard 8 : index {slots = []}

// -----

// ragged_bucket_c6
// expected-error @+1 {{expects numbers as elements, at most 2^47 bytes of them, is 9223372036854775806 of type 'f32'}}
ragged.bucket @b ranks 2 shard 4611686018427387903 : f32 {slots = []}

// -----

// ragged_bucket_c4: of many boundaries
// expected-error @+1 {{boundary of rank 1 at element 1 cuts a unit of 2 elements of slot 'w' at 0}}
ragged.bucket @b ranks 17592186044416 shard 1 : f32 {
  slots = [#ragged.slot<"w" at 0 shape [17592186044416] unit 2>]
}

// RUN: raddle-opt %s --ragged-verify --split-input-file --verify-diagnostics

// expected-error @+1 {{expects the number of ranks as attribute 'ragged.ranks'}}
module {}

// -----

module attributes {ragged.ranks = 2 : i64} {
  ragged.bucket @b ranks 2 shard 32 : f32 {slots = []}
  // expected-error @+4 {{takes 'w' whole: expects a slice of a bucket}}
  // expected-error @+3 {{state 's' of type 'tensor<31xf32>' is no slice of bucket 'b'}}
  // expected-error @+2 {{state 't' of type 'tensor<32xf32>' names no bucket}}
  // expected-error @+1 {{result 0 replaces state 'u', of which there is no argument of type 'tensor<32xf32>'}}
  func.func @main(%w: tensor<4xf32> {nn.param = "w"}, %s: tensor<31xf32> {ragged.state = "s", ragged.bucket = @b},
                  %t: tensor<32xf32> {ragged.state = "t", ragged.bucket = @gone}) -> (tensor<32xf32> {ragged.alias = "u"}) {
    // expected-error @+1 {{expects 2 ranks, as the module has, is 4}}
    %r = ragged.all_reduce <sum> %t over 4 : tensor<32xf32>
    return %r : tensor<32xf32>
  }
}

// -----

module attributes {ragged.ranks = 6 : i64} {
  ragged.bucket @a ranks 3 shard 32 : f32 {slots = []}
  // expected-error @+1 {{is cut over 2 ranks, expects 3, as bucket 'a'}}
  ragged.bucket @b ranks 2 shard 32 : f32 {slots = []}
}

// -----

module attributes {ragged.ranks = 6 : i64} {
  // expected-error @+1 {{is cut over 4 ranks, expects a divisor of the 6 that the module has}}
  ragged.bucket @a ranks 4 shard 32 : f32 {slots = []}
}

// -----

// Two replicas of three ranks each.
module attributes {ragged.ranks = 6 : i64} {
  ragged.bucket @a ranks 3 shard 32 : f32 {slots = []}
  func.func @main(%x: tensor<32xf32>) -> tensor<32xf32> {
    %0 = ragged.all_reduce <sum> %x over 3 {group = #ragged.group<shards>} : tensor<32xf32>
    // expected-error @+1 {{expects 2 ranks, as the module has, is 3}}
    %1 = ragged.all_reduce <sum> %0 over 3 {group = #ragged.group<replicas>} : tensor<32xf32>
    %2 = ragged.all_reduce <sum> %1 over 6 : tensor<32xf32>
    return %2 : tensor<32xf32>
  }
}

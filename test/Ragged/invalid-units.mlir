// Demands on the cut of parameters that no plan satisfies.

// RUN: raddle-opt %s --split-input-file --ragged-plan=ranks=2 --verify-diagnostics
// RUN: not raddle-opt %s --split-input-file --ragged-plan="ranks=2 block=4by4" 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: error: expects option block to be RxC, rows:R or none, is '4by4'

// expected-error @+1 {{parameter "w": 'fp8 blocks' keeps 6 rows together, 'scales' keeps 4: expected numbers of which one divides the other}}
module {
  func.func @main(%w: tensor<24x10xf32> {nn.param = "w", ragged.keep = [#ragged.keep<tile [6, 2] for "fp8 blocks">, #ragged.keep<rows 4 for "scales">]}) { return }
}

// -----

// All at once.
// expected-error @+2 {{parameter "v": 'a' keeps 6 rows together, 'b' keeps 4}}
// expected-error @+1 {{parameter "w": 'c' keeps 3 rows together, 'd' keeps 2}}
module {
  func.func @main(%v: tensor<24x10xf32> {nn.param = "v", ragged.keep = [#ragged.keep<rows 6 for "a">, #ragged.keep<rows 4 for "b">]},
                  %w: tensor<24x10xf32> {nn.param = "w", ragged.keep = [#ragged.keep<rows 3 for "c">, #ragged.keep<rows 2 for "d">]}) { return }
}

// -----

// expected-error @+1 {{parameter "w" asks for #ragged.layout<unit 10 counts [12, 12] row_major>, expected a multiple of the 40 elements that stay together}}
module {
  func.func @main(%w: tensor<24x10xf32> {nn.param = "w", ragged.keep = [#ragged.keep<rows 4 for "blocks">],
                                         ragged.layout = #ragged.layout<unit 10 counts [12, 12] row_major>}) { return }
}

// -----

module {
  func.func @main(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [4, 4] row_major>}) { return }
  // expected-error @+1 {{parameter "w" asks for #ragged.layout<unit 4 counts [8, 0] row_major> here and for #ragged.layout<unit 4 counts [4, 4] row_major> in another function}}
  func.func @eval(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [8, 0] row_major>}) { return }
}

// -----

module {
  // expected-error @+1 {{parameter "w" asks for panels, which no kernel of this target reads: expected the order row_major}}
  func.func @main(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 16 counts [1, 1] panels [8, 2]>}) { return }
}

// -----

// expected-error @+1 {{bucket 'rest' cuts parameter "w" as #ragged.layout<unit 4 counts [8, 0] row_major>, it asks for #ragged.layout<unit 4 counts [1, 7] row_major>: lay the bucket out by hand}}
module {
  func.func @main(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [1, 7] row_major>}) { return }
}

// -----

module {
  // expected-error @+1 {{bucket 'mine' has parameter "w" as 'tensor<4x8xf32>', the program as 'tensor<8x4xf32>'}}
  ragged.bucket @mine ranks 2 shard 32 : f32 {slots = [#ragged.slot<"w" at 0 shape [4, 8] unit 1>]}
  func.func @main(%w: tensor<8x4xf32> {nn.param = "w"}) { return }
}

// -----

module {
  // expected-error @+1 {{bucket 'mine' cuts parameter "w" in units of 1, expected a multiple of the 8 elements that stay together}}
  ragged.bucket @mine ranks 2 shard 32 : f32 {slots = [#ragged.slot<"w" at 0 shape [8, 4] unit 1>]}
  func.func @main(%w: tensor<8x4xf32> {nn.param = "w", ragged.keep = [#ragged.keep<rows 2 for "pairs">]}) { return }
}

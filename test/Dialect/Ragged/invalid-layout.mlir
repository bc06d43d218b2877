// Constraints of what parameters ask of their cut, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// ragged_keep_c1
// expected-error @+1 {{expects positive extents of what is kept, is 0}}
func.func @f(%w: tensor<4x4xf32> {ragged.keep = [#ragged.keep<tile [0, 4] for "a">]}) { return }

// -----

// ragged_keep_c1
// expected-error @+1 {{expects positive extents of what is kept, is -2}}
func.func @f(%w: tensor<4x4xf32> {ragged.keep = [#ragged.keep<rows -2 for "a">]}) { return }

// -----

// expected-error @+1 {{expected a tile of two extents, got 3}}
func.func @f(%w: tensor<4x4xf32> {ragged.keep = [#ragged.keep<tile [1, 2, 3] for "a">]}) { return }

// -----

// ragged_keep_c2
// expected-error @+1 {{expects a cause, is empty}}
func.func @f(%w: tensor<4x4xf32> {ragged.keep = [#ragged.keep<whole for "">]}) { return }

// -----

// ragged_keep_c3
// expected-error @+1 {{argument 0: '"ragged.keep"' expects an array of '#ragged.keep', is 4 : i64}}
func.func @f(%w: tensor<4x4xf32> {ragged.keep = 4}) { return }

// -----

// ragged_keep_c3
// expected-error @+1 {{argument 1: '"ragged.keep"' expects a tensor of static shape}}
func.func @f(%a: f32, %w: tensor<?x4xf32> {ragged.keep = []}) { return }

// -----

// ragged_layout_c1
// expected-error @+1 {{expects a positive unit, is 0}}
func.func @f(%w: tensor<4xf32> {ragged.layout = #ragged.layout<unit 0 counts [4] row_major>}) { return }

// -----

// ragged_layout_c2
// expected-error @+1 {{expects a count for each rank, has none}}
func.func @f(%w: tensor<4xf32> {ragged.layout = #ragged.layout<unit 1 counts [] row_major>}) { return }

// -----

// ragged_layout_c2
// expected-error @+1 {{expects counts from 0 on, is -1 of rank 1}}
func.func @f(%w: tensor<4xf32> {ragged.layout = #ragged.layout<unit 1 counts [5, -1] row_major>}) { return }

// -----

// ragged_layout_c3
// expected-error @+1 {{expects a block of two positive extents, is [4, 0]}}
func.func @f(%w: tensor<4xf32> {ragged.layout = #ragged.layout<unit 1 counts [4] row_major [4, 0]>}) { return }

// -----

// ragged_layout_c4
// expected-error @+1 {{expects a block in the order 'panels'}}
func.func @f(%w: tensor<4xf32> {ragged.layout = #ragged.layout<unit 1 counts [4] panels>}) { return }

// -----

// ragged_layout_c4
// expected-error @+1 {{expects the elements of a block as unit, is 4 with blocks of 2 x 4}}
func.func @f(%w: tensor<4x4xf32> {ragged.layout = #ragged.layout<unit 4 counts [4] panels [2, 4]>}) { return }

// -----

// ragged_layout_c4: nor may their product overflow
// expected-error @+1 {{expects the elements of a block as unit, is 4 with blocks of 4611686018427387904 x 4}}
func.func @f(%w: tensor<4x4xf32> {ragged.layout = #ragged.layout<unit 4 counts [4] panels [4611686018427387904, 4]>}) { return }

// -----

// ragged_layout_c5
// expected-error @+1 {{expects counts of all 4 units of 4 elements of 'tensor<4x4xf32>', their sum is 3}}
func.func @f(%w: tensor<4x4xf32> {ragged.layout = #ragged.layout<unit 4 counts [1, 2] row_major>}) { return }

// -----

// ragged_layout_c5
// expected-error @+1 {{expects fewer than 2^63 units}}
func.func @f(%w: tensor<4x4xf32> {ragged.layout = #ragged.layout<unit 4 counts [9223372036854775807, 1] row_major>}) { return }

// -----

// ragged_layout_c5
// expected-error @+1 {{expects a matrix that blocks of 3 x 4 divide, is 'tensor<4x6xf32>'}}
func.func @f(%w: tensor<4x6xf32> {ragged.layout = #ragged.layout<unit 12 counts [1, 1] panels [3, 4]>}) { return }

// -----

// expected-error @+1 {{argument 0: '"ragged.layout"' expects a '#ragged.layout', is "w"}}
func.func @f(%w: tensor<4x6xf32> {ragged.layout = "w"}) { return }

// -----

// ragged_scales_c1
// expected-error @+1 {{argument 0: '"ragged.scales"' expects the name of a parameter of the function, is "w"}}
func.func @f(%s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [8] panels [1, 1]>}) { return }

// -----

// ragged_scales_c1
// expected-error @+1 {{expects both the scales and parameter "w" to have a 'ragged.layout'}}
func.func @f(%w: tensor<8x4xf32> {nn.param = "w"},
             %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [8] panels [1, 1]>}) { return }

// -----

// ragged_scales_c1
// expected-error @+1 {{of parameter "w" expects a matrix in blocks, is 'tensor<8x4xf32>' in #ragged.layout<unit 4 counts [8] row_major>}}
func.func @f(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [8] row_major>},
             %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [8] panels [1, 1]>}) { return }

// -----

// ragged_scales_c2
// expected-error @+1 {{of parameter "w" expects units of whole rows of blocks of 2 x 2 in row-major order, is 4 elements of 'tensor<8x4xf32>'}}
func.func @f(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [8] row_major [2, 2]>},
             %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [8] panels [1, 1]>}) { return }

// -----

// ragged_scales_c3
// expected-error @+1 {{expects a scale for each block of parameter "w", 'tensor<4x2xf32>', is 'tensor<8x1xf32>'}}
func.func @f(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [3, 5] panels [2, 2]>},
             %s: tensor<8x1xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [3, 5] panels [1, 1]>}) { return }

// -----

// ragged_scales_c3: a block of rank 0 whose scale were on rank 1
// expected-error @+1 {{expects the cut of parameter "w", #ragged.layout<unit 1 counts [3, 5] panels [1, 1]>, is #ragged.layout<unit 1 counts [2, 6] panels [1, 1]>}}
func.func @f(%w: tensor<8x4xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 4 counts [3, 5] panels [2, 2]>},
             %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [2, 6] panels [1, 1]>}) { return }

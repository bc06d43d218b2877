// What parameters ask of their cut, in its written form.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s

// CHECK: ragged.keep = [#ragged.keep<tile [128, 128] for "fp8 blocks">, #ragged.keep<rows 1 for "scales of rows">, #ragged.keep<whole for "muon">]
func.func @keep(%w: tensor<256x128xf32> {ragged.keep = [#ragged.keep<tile [128, 128] for "fp8 blocks">,
                  #ragged.keep<rows 1 for "scales of rows">, #ragged.keep<whole for "muon">]}) { return }

// CHECK: ragged.layout = #ragged.layout<unit 1024 counts [3, 0, 1] row_major>
// CHECK-SAME: ragged.layout = #ragged.layout<unit 32 counts [1, 2] panels [8, 4]>
// CHECK-SAME: ragged.layout = #ragged.layout<unit 6 counts [0, 0, 3, 0] row_major>
func.func @layout(%a: tensor<4x1024xf32> {ragged.layout = #ragged.layout<unit 1024 counts [3, 0, 1] row_major>},
                  %b: tensor<8x12xf32> {ragged.layout = #ragged.layout<unit 32 counts [1, 2] panels [8, 4]>},
                  // The last unit is shorter.
                  %c: tensor<16xf32> {ragged.layout = #ragged.layout<unit 6 counts [0, 0, 3, 0] row_major>}) { return }

// Scales have the cut of their blocks: in panels one for each unit, in rows a row of them.
// CHECK: ragged.layout = #ragged.layout<unit 1 counts [3, 0, 5] panels [1, 1]>, ragged.scales = "w"
// CHECK-SAME: ragged.layout = #ragged.layout<unit 6 counts [1, 2] row_major>, ragged.scales = "r"
func.func @scales(%w: tensor<512x256xf32> {nn.param = "w", ragged.layout = #ragged.layout<unit 16384 counts [3, 0, 5] panels [128, 128]>},
                  %s: tensor<4x2xf32> {ragged.scales = "w", ragged.layout = #ragged.layout<unit 1 counts [3, 0, 5] panels [1, 1]>},
                  // Units of two rows of blocks, each of three blocks, of which the last is narrow; the last unit is one row.
                  %r: tensor<10x5xf32> {nn.param = "r", ragged.layout = #ragged.layout<unit 20 counts [1, 2] row_major [2, 2]>},
                  %t: tensor<5x3xf32> {ragged.scales = "r", ragged.layout = #ragged.layout<unit 6 counts [1, 2] row_major>}) { return }

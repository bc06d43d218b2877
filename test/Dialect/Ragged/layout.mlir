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

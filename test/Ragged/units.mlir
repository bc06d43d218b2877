// Units of parameters: from what the program does with them, from an option, and by hand.

// RUN: raddle-opt %s --split-input-file --ragged-plan=ranks=2 | FileCheck %s
// RUN: raddle-opt %s --split-input-file --ragged-plan="ranks=2 block=4x8" | FileCheck %s --check-prefix=OPTION

// Rows of 10 elements, four of them: 40. The tile of 8 rows is a multiple of that. The third parameter stays whole, the fourth has
// no demand: the option gives it four rows, while its vectors stay as they are. A tile that is higher than the matrix is the
// matrix. The slices are such that no unit is cut: one of the three units of 80 elements of w8 would not do.
// CHECK-LABEL: ragged.bucket @l.0 ranks 2
// CHECK-SAME: #ragged.slot<"l.0.w4" at {{[0-9]+}} shape [16, 10] unit 40>
// CHECK-SAME: #ragged.slot<"l.0.w8" at {{[0-9]+}} shape [24, 10] unit 80>
// CHECK-SAME: #ragged.slot<"l.0.whole" at {{[0-9]+}} shape [5, 7] unit 35>
// CHECK-SAME: #ragged.slot<"l.0.free" at {{[0-9]+}} shape [8, 6] unit 1>
// CHECK-SAME: #ragged.slot<"l.0.bias" at {{[0-9]+}} shape [16] unit 1>
// CHECK-SAME: #ragged.slot<"l.0.low" at {{[0-9]+}} shape [3, 5] unit 15>
// OPTION-LABEL: ragged.bucket @l.0 ranks 2
// OPTION-SAME: "l.0.w4" {{[^>]*}} unit 40>
// OPTION-SAME: "l.0.w8" {{[^>]*}} unit 80>
// OPTION-SAME: "l.0.whole" {{[^>]*}} unit 35>
// OPTION-SAME: "l.0.free" {{[^>]*}} unit 24>
// OPTION-SAME: "l.0.bias" {{[^>]*}} unit 1>
// OPTION-SAME: "l.0.low" {{[^>]*}} unit 15>
func.func @main(%a: tensor<16x10xf32> {nn.param = "l.0.w4", ragged.keep = [#ragged.keep<tile [4, 2] for "blocks">, #ragged.keep<rows 1 for "scales">]},
                %b: tensor<24x10xf32> {nn.param = "l.0.w8", ragged.keep = [#ragged.keep<rows 2 for "pairs">]},
                %c: tensor<5x7xf32> {nn.param = "l.0.whole", ragged.keep = [#ragged.keep<rows 2 for "pairs">, #ragged.keep<whole for "muon">]},
                %d: tensor<8x6xf32> {nn.param = "l.0.free"}, %e: tensor<16xf32> {nn.param = "l.0.bias"},
                %f: tensor<3x5xf32> {nn.param = "l.0.low", ragged.keep = [#ragged.keep<tile [128, 128] for "blocks">]}) { return }
// What another function asks counts as well.
func.func @eval(%b: tensor<24x10xf32> {nn.param = "l.0.w8", ragged.keep = [#ragged.keep<rows 8 for "blocks">]}) { return }

// -----

// Several matrices of 6 rows: blocks of 4 rows would begin in the middle of one, so a matrix stays whole.
// CHECK: #ragged.slot<"experts" at 0 shape [3, 6, 5] unit 30>
func.func @main(%a: tensor<3x6x5xf32> {nn.param = "experts", ragged.keep = [#ragged.keep<rows 4 for "blocks">]}) { return }

// -----

// A bucket by hand stays as it is, whatever the names say; the rest is planned. Its cut is the one that the parameter asks for:
// all on the second rank.
// CHECK: ragged.bucket @l.0 ranks 2 shard 32 : f32 {slots = [#ragged.slot<"l.0.b" at 0 shape [8] unit 8>]}
// CHECK-NEXT: ragged.bucket @mine ranks 2 shard 64 : f32 {slots = [#ragged.slot<"l.0.w" at 64 shape [4, 10] unit 40>]}
// CHECK-NEXT: func.func
ragged.bucket @mine ranks 2 shard 64 : f32 {slots = [#ragged.slot<"l.0.w" at 64 shape [4, 10] unit 40>]}
func.func @main(%a: tensor<4x10xf32> {nn.param = "l.0.w", ragged.layout = #ragged.layout<unit 40 counts [0, 1] row_major>},
                %b: tensor<8xf32> {nn.param = "l.0.b", ragged.layout = #ragged.layout<unit 8 counts [1, 0] row_major>}) { return }

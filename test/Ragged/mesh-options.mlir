// Without a grid the options say the mesh, and one is added; with one they must agree.

// RUN: raddle-opt %s --ragged-plan="ranks=4 replicas=2" --canonicalize --symbol-dce | FileCheck %s
// CHECK: module attributes {ragged.mesh = @mesh, ragged.ranks = 4 : i64}
// CHECK-NEXT: shard.grid @mesh(shape = 2x2)
// CHECK-NEXT: ragged.bucket @layers.0 ranks 2
// RUN: raddle-opt %s --ragged-plan="ranks=4 replicas=2" --ragged-partition | not raddle-opt --ragged-plan="ranks=6 replicas=3" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=OTHER
// OTHER: option ranks is 6, expects 4, as the module's grid has
// OTHER: option replicas is 3, expects 2, as the module's grid has
// RUN: not raddle-opt %s --ragged-plan="ranks=4 replicas=3" 2>&1 | FileCheck %s --check-prefix=DIVIDE
// DIVIDE: expects at least one rank, and replicas that divide the ranks, is 4 and 3
func.func @main(%w: tensor<64x2xf32> {nn.param = "layers.0.weight"}) -> (tensor<64x2xf32> {nn.output = "w"}) { return %w : tensor<64x2xf32> }

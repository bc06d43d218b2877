// One program becomes the program of each rank.

// RUN: raddle-opt %s --allow-unregistered-dialect --ragged-plan=ranks=4 --ragged-partition --cse | FileCheck %s
// RUN: raddle-opt %s --allow-unregistered-dialect --ragged-plan=ranks=1 --ragged-partition --cse | FileCheck %s --check-prefix=ONE

// What arguments said of parameters is kept by their bucket, one dictionary a slot.
// CHECK: ragged.bucket @layers.0 ranks 4 shard 32 : f32
// CHECK-SAME: parameters = [{nn.aliases = ["tied"], nn.param = "layers.0.weight"}, {nn.param = "layers.0.bias"}]
// CHECK: ragged.bucket @layers.1 ranks 4 shard 32 : f32
// CHECK-SAME: parameters = [{nn.init = {kind = "ones"}, nn.param = "layers.1.weight"}]

// In place of the parameters come slices of buckets, in place of states slices of the same layout.
// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x6xf32> {nn.batched, nn.input = "x"}
// CHECK-SAME: {nn.input = "labels"}
// CHECK-SAME: %[[LR:[a-z0-9]+]]: tensor<f32> {nn.input = "lr", nn.role = "lr"}
// CHECK-NOT: nn.param
// CHECK-SAME: {ragged.bucket = @rest.frozen, ragged.role = "param", ragged.state = "rest.frozen.param"}
// CHECK-SAME: {ragged.bucket = @layers.0, ragged.role = "momentum_buffer", ragged.state = "layers.0.momentum_buffer"}
// What is not a part of the batch is a mean over the ranks; the norm is one already.
// CHECK-SAME: -> (tensor<f32> {nn.output = "loss"}, tensor<f32> {nn.output = "grad_norm"}, tensor<2x8xf32> {nn.batched, nn.output = "hidden"}
// Updated slices replace states, in their order.
// CHECK-SAME: {ragged.alias = "layers.0.param"}, tensor<32xf32> {ragged.alias = "layers.0.momentum_buffer"}
// CHECK-SAME: {ragged.alias = "layers.1.param"}, tensor<32xf32> {ragged.alias = "layers.1.momentum_buffer"})

// Each bucket is gathered just before its first use, and its tensors are views.
// CHECK: %[[FULL0:.*]] = ragged.gather %[[SLICE0:[a-z0-9]+]] of @layers.0 : tensor<32xf32> -> tensor<128xf32>
// CHECK: ragged.slot "layers.0.weight" of %[[FULL0]] in @layers.0 : tensor<128xf32> -> tensor<8x6xf32>
// CHECK: ragged.slot "layers.0.bias" of %[[FULL0]] in @layers.0 : tensor<128xf32> -> tensor<8xf32>
// CHECK: %[[HIDDEN:.*]] = "test.layer0"
// CHECK: ragged.gather {{.*}} of @rest.frozen
// CHECK: %[[FULL1:.*]] = ragged.gather %[[SLICE1:[a-z0-9]+]] of @layers.1
// CHECK: "test.layer1"

// Counts of labels are means over the ranks: the mean of the ranks' losses is then the loss of all labels.
// CHECK: %[[SUM:.*]], %[[COUNT:.*]], %{{.*}} = nn.cross_entropy
// CHECK: %[[MEAN:.*]] = ragged.all_reduce <mean> %[[COUNT]] over 4 : tensor<f32>
// CHECK: linalg.div ins(%[[SUM]], %[[MEAN]]

// As soon as the last gradient of a bucket is there, it is packed and reduced: layer 1 before layer 0 goes back.
// CHECK: %[[D1:.*]] = "test.backward1"
// CHECK: %[[PACK1:.*]] = ragged.pack %[[D1]] into @layers.1 : (tensor<5x8xf32>) -> tensor<128xf32>
// CHECK: %[[GRAD1:.*]] = ragged.reduce_scatter <mean> %[[PACK1]] of @layers.1 : tensor<128xf32> -> tensor<32xf32>
// CHECK: %[[D0:.*]]:2 = "test.backward0"
// CHECK: %[[PACK0:.*]] = ragged.pack %[[D0]]#0, %[[D0]]#1 into @layers.0
// CHECK: %[[GRAD0:.*]] = ragged.reduce_scatter <mean> %[[PACK0]] of @layers.0

// The norm is of slices, added over the ranks.
// CHECK: %[[LOCAL:.*]] = nn.squared_norm %{{.*}}, %{{.*}} : tensor<32xf32>, tensor<32xf32> -> tensor<f32>
// CHECK: %[[ALL:.*]] = ragged.all_reduce <sum> %[[LOCAL]] over 4
// CHECK: %[[NORM:.*]] = linalg.sqrt ins(%[[ALL]]

// One update a bucket.
// CHECK-DAG: nn.sgd %[[SLICE0]] grad %[[GRAD0]] state %{{.*}} lr %[[LR]] {momentum = 9.000000e-01 : f64, weight_decay = 0.000000e+00 : f64} : tensor<32xf32>
// CHECK-DAG: nn.sgd %[[SLICE1]] grad %[[GRAD1]]
// CHECK: %[[LOSS:.*]] = ragged.all_reduce <mean>
// CHECK: return %[[LOSS]], %[[NORM]], %[[HIDDEN]],

// Another entry point reads the same buckets.
// CHECK-LABEL: func.func @eval(
// CHECK: ragged.gather {{.*}} of @layers.0
// CHECK: ragged.slot "layers.0.bias"
// CHECK-NOT: ragged.slot

// A single rank owns whole buckets: nothing is communicated, gradients are packed all the same.
// ONE-NOT: ragged.gather
// ONE-NOT: ragged.reduce_scatter
// ONE-NOT: ragged.all_reduce
// ONE: func.func @train_step(
// ONE: ragged.slot "layers.0.weight" of %arg
// ONE: %[[PACK:.*]] = ragged.pack {{.*}} into @layers.0
// ONE: nn.sgd %{{.*}} grad %[[PACK]]
func.func @train_step(%w0: tensor<8x6xf32> {nn.param = "layers.0.weight", nn.aliases = ["tied"]}, %b0: tensor<8xf32> {nn.param = "layers.0.bias"},
                      %f: tensor<3xf32> {nn.param = "fixed", nn.frozen},
                      %w1: tensor<5x8xf32> {nn.param = "layers.1.weight", nn.init = {kind = "ones"}},
                      %x: tensor<2x6xf32> {nn.input = "x", nn.batched}, %labels: tensor<2xi64> {nn.input = "labels"},
                      %lr: tensor<f32> {nn.input = "lr", nn.role = "lr"}, %mw0: tensor<8x6xf32> {nn.state = "layers.0.weight.momentum_buffer"},
                      %mb0: tensor<8xf32> {nn.state = "layers.0.bias.momentum_buffer"}, %mw1: tensor<5x8xf32> {nn.state = "layers.1.weight.momentum_buffer"})
    -> (tensor<f32> {nn.output = "loss"}, tensor<f32> {nn.output = "grad_norm"}, tensor<2x8xf32> {nn.output = "hidden", nn.batched},
        tensor<8x6xf32> {nn.updates = "layers.0.weight"}, tensor<8x6xf32> {nn.updates = "layers.0.weight.momentum_buffer"},
        tensor<8xf32> {nn.updates = "layers.0.bias"}, tensor<8xf32> {nn.updates = "layers.0.bias.momentum_buffer"},
        tensor<5x8xf32> {nn.updates = "layers.1.weight"}, tensor<5x8xf32> {nn.updates = "layers.1.weight.momentum_buffer"}) {
  %h = "test.layer0"(%x, %w0, %b0) : (tensor<2x6xf32>, tensor<8x6xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %l = "test.layer1"(%h, %w1, %f) : (tensor<2x8xf32>, tensor<5x8xf32>, tensor<3xf32>) -> tensor<2x5xf32>
  %sum, %count, %lse = nn.cross_entropy %l, %labels {ignore_index = -100 : i64}
    : tensor<2x5xf32>, tensor<2xi64> -> tensor<f32>, tensor<f32>, tensor<2xf32>
  %e = tensor.empty() : tensor<f32>
  %loss = linalg.div ins(%sum, %count : tensor<f32>, tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
  %dw1 = "test.backward1"(%lse) : (tensor<2xf32>) -> tensor<5x8xf32>
  %dw0, %db0 = "test.backward0"(%lse) : (tensor<2xf32>) -> (tensor<8x6xf32>, tensor<8xf32>)
  %squares = nn.squared_norm %dw0, %db0, %dw1 : tensor<8x6xf32>, tensor<8xf32>, tensor<5x8xf32> -> tensor<f32>
  %norm = linalg.sqrt ins(%squares : tensor<f32>) outs(%e : tensor<f32>) -> tensor<f32>
  %pw0, %nw0 = nn.sgd %w0 grad %dw0 state %mw0 lr %lr {momentum = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<8x6xf32>, tensor<f32>
  %pb0, %nb0 = nn.sgd %b0 grad %db0 state %mb0 lr %lr {momentum = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<8xf32>, tensor<f32>
  %pw1, %nw1 = nn.sgd %w1 grad %dw1 state %mw1 lr %lr {momentum = 0.9 : f64, weight_decay = 0.0 : f64} : tensor<5x8xf32>, tensor<f32>
  return %loss, %norm, %h, %pw0, %nw0, %pb0, %nb0, %pw1, %nw1
    : tensor<f32>, tensor<f32>, tensor<2x8xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<8xf32>, tensor<8xf32>, tensor<5x8xf32>, tensor<5x8xf32>
}
func.func @eval(%w0: tensor<8x6xf32> {nn.param = "layers.0.weight", nn.aliases = ["tied"]}, %b0: tensor<8xf32> {nn.param = "layers.0.bias"})
    -> (tensor<8xf32> {nn.output = "bias"}) {
  return %b0 : tensor<8xf32>
}

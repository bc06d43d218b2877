// From a function and its gradients to one step: states, learning rate and step number come in, what is updated goes out.

// RUN: raddle-opt %s --allow-unregistered-dialect --train-build-step="optimizer=sgd momentum=0.9 weight-decay=0.1" | FileCheck %s --check-prefix=SGD
// RUN: raddle-opt %s --allow-unregistered-dialect --train-build-step="optimizer=adamw beta1=0.8 beta2=0.95 eps=1e-6 weight-decay=0.01" | FileCheck %s --check-prefix=ADAMW
// RUN: raddle-opt %s --allow-unregistered-dialect --train-build-step="optimizer=sgd clip-norm=1.5" | FileCheck %s --check-prefix=CLIP
// RUN: raddle-opt %s --allow-unregistered-dialect --train-build-step="optimizer=sgd loss=1" | FileCheck %s --check-prefix=SECOND

// The forward function is the evaluation; its loss has that name.
// SGD: func.func @eval(
// SGD-SAME: -> (tensor<1xf32> {nn.output = "loss"}, tensor<f32> {nn.output = "other"})

// SGD: func.func @train_step(
// SGD-SAME: %[[W:[a-z0-9]+]]: tensor<4x3xf32> {nn.param = "w"}
// SGD-SAME: %{{[a-z0-9]+}}: tensor<3xf32> {nn.frozen, nn.param = "fixed"}
// SGD-SAME: %[[B:[a-z0-9]+]]: tensor<3xf32> {nn.param = "b"}
// SGD-SAME: %{{[a-z0-9]+}}: tensor<7xf32> {nn.frozen, nn.param = "unreached"}
// SGD-SAME: {nn.batched, nn.input = "x"}
// SGD-SAME: %[[LR:[a-z0-9]+]]: tensor<f32> {nn.input = "lr", nn.role = "lr"}
// SGD-SAME: %[[STEP:[a-z0-9]+]]: tensor<i64> {nn.input = "step", nn.role = "step"}
// SGD-SAME: %[[MW:[a-z0-9]+]]: tensor<4x3xf32> {nn.state = "w.momentum_buffer"}
// SGD-SAME: %[[MB:[a-z0-9]+]]: tensor<3xf32> {nn.state = "b.momentum_buffer"}
// SGD-SAME: -> (tensor<f32> {nn.output = "loss"}, tensor<f32> {nn.output = "grad_norm"}
// SGD-SAME: tensor<4x3xf32> {nn.updates = "w"}, tensor<4x3xf32> {nn.updates = "w.momentum_buffer"}
// SGD-SAME: tensor<3xf32> {nn.updates = "b"}, tensor<3xf32> {nn.updates = "b.momentum_buffer"})
// SGD: %[[GRADS:.*]]:2 = "test.gradients"
// The norm of all gradients, before clipping.
// SGD: %[[SQUARES:.*]] = nn.squared_norm %[[GRADS]]#0, %[[GRADS]]#1 : tensor<4x3xf32>, tensor<3xf32> -> tensor<f32>
// SGD: math.sqrt
// The loss is a scalar whatever the shape of its one element was.
// SGD: tensor.collapse_shape %{{.*}} [] : tensor<1xf32> into tensor<f32>
// SGD: nn.sgd %[[W]] grad %[[GRADS]]#0 state %[[MW]] lr %[[LR]] {momentum = {{9.0*e-01|0.9[0-9]*}} : f64, weight_decay = {{1.0*e-01|0.1[0-9]*}} : f64}
// SGD: nn.sgd %[[B]] grad %[[GRADS]]#1 state %[[MB]] lr %[[LR]]

// ADAMW: func.func @train_step(
// ADAMW-SAME: {nn.state = "w.exp_avg"}, %{{[a-z0-9]+}}: tensor<4x3xf32> {nn.state = "w.exp_avg_sq"}
// ADAMW-SAME: {nn.updates = "w"}, tensor<4x3xf32> {nn.updates = "w.exp_avg"}, tensor<4x3xf32> {nn.updates = "w.exp_avg_sq"}
// ADAMW: nn.adamw {{.*}} {beta1 = 8.000000e-01 : f64, beta2 = {{9.5.*e-01|0.9[45].*}} : f64, eps = {{9.99.*|1.0*[eE]-0?6}} : f64, weight_decay = {{1.0*e-02|0.01.*}} : f64}

// min(1, clip / (norm + 1e-6)) goes to every update; the norm that is reported stays as it was.
// CLIP: %[[NORM:.*]] = linalg.generic
// CLIP: math.sqrt
// CLIP: %[[SCALE:.*]] = linalg.generic {{.*}} ins(%[[NORM]] : tensor<f32>)
// CLIP: arith.constant 9.99999997E-7 : f32
// CLIP: arith.constant 1.500000e+00 : f32
// CLIP: arith.divf
// CLIP: arith.minimumf
// CLIP: nn.sgd {{.*}} scale %[[SCALE]] : tensor<f32> state
// CLIP: nn.sgd {{.*}} scale %[[SCALE]] : tensor<f32> state
// CLIP: return %{{.*}}, %[[NORM]],

// SECOND: func.func @eval(
// SECOND-SAME: -> (tensor<1xf32> {nn.output = "first"}, tensor<f32> {nn.output = "loss"})
func.func @main(%w: tensor<4x3xf32> {nn.param = "w"}, %f: tensor<3xf32> {nn.param = "fixed", nn.frozen},
                %b: tensor<3xf32> {nn.param = "b"}, %u: tensor<7xf32> {nn.param = "unreached"},
                %x: tensor<2x4xf32> {nn.input = "x", nn.batched})
    -> (tensor<1xf32> {nn.output = "first"}, tensor<f32> {nn.output = "other"}) {
  %l, %o = "test.forward"(%w, %f, %b, %u, %x)
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<7xf32>, tensor<2x4xf32>) -> (tensor<1xf32>, tensor<f32>)
  return %l, %o : tensor<1xf32>, tensor<f32>
}
func.func @main_grad(%w: tensor<4x3xf32> {nn.param = "w"}, %f: tensor<3xf32> {nn.param = "fixed", nn.frozen},
                     %b: tensor<3xf32> {nn.param = "b"}, %u: tensor<7xf32> {nn.param = "unreached"},
                     %x: tensor<2x4xf32> {nn.input = "x", nn.batched})
    -> (tensor<1xf32> {nn.output = "first"}, tensor<f32> {nn.output = "other"}, tensor<4x3xf32>, tensor<3xf32>,
        tensor<7xf32>) {
  %l, %o = "test.forward"(%w, %f, %b, %u, %x)
    : (tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<7xf32>, tensor<2x4xf32>) -> (tensor<1xf32>, tensor<f32>)
  %dw, %db = "test.gradients"(%l) : (tensor<1xf32>) -> (tensor<4x3xf32>, tensor<3xf32>)
  // The loss does not reach this parameter: as in torch it is not updated, not even by weight decay.
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<7xf32>
  %du = linalg.fill ins(%zero : f32) outs(%e : tensor<7xf32>) -> tensor<7xf32>
  return %l, %o, %dw, %db, %du : tensor<1xf32>, tensor<f32>, tensor<4x3xf32>, tensor<3xf32>, tensor<7xf32>
}

// Derivatives of scalar ops, one function each.

// RUN: raddle-opt %s --raddle-grad="function=divide with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=DIVIDE
// RUN: raddle-opt %s --raddle-grad="function=erf with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=ERF
// RUN: raddle-opt %s --raddle-grad="function=choose with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=SELECT
// RUN: raddle-opt %s --raddle-grad="function=absolute with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=ABS
// RUN: raddle-opt %s --raddle-grad="function=power with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=POWER
// RUN: raddle-opt %s --raddle-grad="function=square with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=SQUARED
// RUN: raddle-opt %s --raddle-grad="function=casts with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=CASTS
// RUN: raddle-opt %s --raddle-grad="function=steps with-cotangent" --canonicalize --cse | FileCheck %s --check-prefix=STEPS

#id = affine_map<(i) -> (i)>

// dx = g / y, dy = −(g / y) (x / y)
// DIVIDE-LABEL: @divide_grad
// DIVIDE: linalg.generic
// DIVIDE: %[[DX:.*]] = linalg.generic
// DIVIDE: arith.divf
// DIVIDE: %[[DY:.*]] = linalg.generic
// DIVIDE-DAG: %[[Q:.*]] = arith.divf %in, %[[Y:in_.*]] : f32
// DIVIDE-DAG: %[[P:.*]] = arith.divf %in_{{.*}}, %[[Y]] : f32
// DIVIDE: arith.mulf %[[P]], %[[Q]]
// DIVIDE: arith.negf
// DIVIDE: return %{{.*}}, %[[DX]], %[[DY]]
func.func @divide(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = arith.divf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// erf'(x) = 2 / sqrt(pi) exp(−x²)
// ERF-LABEL: @erf_grad
// ERF: arith.constant 1.12837923 : f32
// ERF: %[[TWICE:.*]] = arith.mulf %in, %in
// ERF: %[[NEGATIVE:.*]] = arith.negf %[[TWICE]]
// ERF: math.exp %[[NEGATIVE]]
func.func @erf(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.erf ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// relu as x > 0 ? x : 0: the condition carries nothing, and the gradient at 0 is 0.
// SELECT-LABEL: @choose_grad
// SELECT: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// SELECT: linalg.generic
// SELECT: linalg.generic
// SELECT: %[[POSITIVE:.*]] = arith.cmpf ogt, %in, %[[ZERO]] : f32
// SELECT: arith.select %[[POSITIVE]], %in_{{.*}}, %[[ZERO]] : f32
func.func @choose(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ogt, %a, %zero : f32
    %s = arith.select %c, %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// The sign of x, which is 0 at 0.
// ABS-LABEL: @absolute_grad
// ABS: arith.cmpf olt
// ABS: arith.cmpf ogt
func.func @absolute(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.abs ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// A variable exponent needs the base's logarithm; a constant one must not, as a negative base has none.
// POWER-LABEL: @power_grad
// POWER: math.powf
// POWER: math.powf
// POWER: math.log
func.func @power(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %d = math.powf %a, %b : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// SQUARED-LABEL: @square_grad
// SQUARED-NOT: math.log
func.func @square(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %two = arith.constant 2.0 : f32
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %d = math.powf %a, %two : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// A gradient has its operand's type.
// CASTS-LABEL: @casts_grad
// CASTS-SAME: -> (tensor<4xf32>, tensor<4xbf16>)
// CASTS: arith.extf
// CASTS: arith.truncf %in{{.*}} : f32 to bf16
// CASTS: return %{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xbf16>
func.func @casts(%x: tensor<4xbf16>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xbf16>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: bf16, %o: f32):
    %d = arith.extf %a : bf16 to f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// Steps are flat: the gradient comes from the other factor alone.
// STEPS-LABEL: @steps_grad
// STEPS: math.floor
// STEPS: linalg.generic
// STEPS: %[[FLOOR:.*]] = math.floor %in
// STEPS: arith.mulf %in_{{.*}}, %[[FLOOR]]
// STEPS-NOT: arith.addf
func.func @steps(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
      ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %f = math.floor %a : f32
    %d = arith.mulf %f, %a : f32
    linalg.yield %d : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}

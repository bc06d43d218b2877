// Constraints of dispatches, matrix products, collectives, copies and checks, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

func.func private @function(tensor<4xf32>) -> tensor<4xf32>

// exec_dispatch_c1: only a function that is marked as one
func.func @no_kernel(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects a kernel, @function is none}}
  %y = exec.dispatch @function ins(%x : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// exec_dispatch_c1
func.func @nothing(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects a kernel, @kernel is none}}
  %y = exec.dispatch @kernel ins(%x : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func private @kernel(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}

// exec_dispatch_c2
func.func @mixed(%x: tensor<4xf32>, %y: memref<4xf32>) {
  // expected-error @+1 {{expects tensors with results or memrefs with 'outs', has 1 operands in 'ins', 1 in 'outs' and 0 results}}
  exec.dispatch @kernel ins(%x : tensor<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

func.func private @kernel(tensor<4xf32>) attributes {exec.kernel}

// exec_dispatch_c2
func.func @no_result(%x: tensor<4xf32>) {
  // expected-error @+1 {{has 1 operands in 'ins', 0 in 'outs' and 0 results}}
  exec.dispatch @kernel ins(%x : tensor<4xf32>)
  return
}

// -----

// expected-note @+1 {{kernel @kernel is here}}
func.func private @kernel(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}

// exec_dispatch_c3
func.func @operand(%x: tensor<8xf32>) {
  // expected-error @+1 {{expects operands and results of types ('tensor<4xf32>', 'tensor<4xf32>'), is ('tensor<8xf32>', 'tensor<4xf32>')}}
  %y = exec.dispatch @kernel ins(%x : tensor<8xf32>) -> tensor<4xf32>
  return
}

// -----

// expected-note @+1 {{kernel @kernel is here}}
func.func private @kernel(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}

// exec_dispatch_c3
func.func @count(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects operands and results of types}}
  %y:2 = exec.dispatch @kernel ins(%x : tensor<4xf32>) -> tensor<4xf32>, tensor<4xf32>
  return
}

// -----

// expected-note @+1 {{kernel @kernel is here}}
func.func private @kernel(f32) -> tensor<4xf32> attributes {exec.kernel}

// exec_dispatch_c3: a kernel takes arrays only
func.func @scalar(%x: tensor<f32>) {
  // expected-error @+1 {{expects operands and results of types ('f32', 'tensor<4xf32>'), is ('tensor<f32>', 'tensor<4xf32>')}}
  %y = exec.dispatch @kernel ins(%x : tensor<f32>) -> tensor<4xf32>
  return
}

// -----

func.func @gemm_operands(%a: tensor<4x8xf32>) {
  // expected-error @+1 {{expects 2 operands in 'ins', is 1}}
  %c = exec.gemm ins(%a : tensor<4x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false] -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c1
func.func @gemm_form(%a: memref<4x8xf32>, %b: memref<8x8xf32>) {
  // expected-error @+1 {{expects tensors with results or memrefs with 'outs', has 2 operands in 'ins', 0 in 'outs' and 1 results}}
  %c = exec.gemm ins(%a, %b : memref<4x8xf32>, memref<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c1
func.func @gemm_results(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects 1 results or operands in 'outs', is 2}}
  %c:2 = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf32>, tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c2
func.func @gemm_result(%a: tensor<4x8xf16>, %b: tensor<8x8xf16>) {
  // expected-error @+1 {{expects operands of one type, f32, f64, f16 or bf16, and a result of that or, for 16 bits, of f32, is 'f16', 'f16' and 'bf16'}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf16>, tensor<8x8xf16>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xbf16>
  return
}

// -----

// exec_gemm_c2
func.func @gemm_mixed(%a: tensor<4x8xf32>, %b: tensor<8x8xf64>) {
  // expected-error @+1 {{for 16 bits, of f32, is 'f32', 'f64' and 'f32'}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf64>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c2
func.func @gemm_integers(%a: tensor<4x8xi32>, %b: tensor<8x8xi32>) {
  // expected-error @+1 {{for 16 bits, of f32, is 'i32', 'i32' and 'i32'}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xi32>, tensor<8x8xi32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xi32>
  return
}

// -----

// exec_gemm_c2
func.func @gemm_wide_result(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{for 16 bits, of f32, is 'f32', 'f32' and 'f64'}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf64>
  return
}

// -----

// exec_gemm_c1
func.func @gemm_bias(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects 3 operands in 'ins', is 2}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false] {bias}
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c1
func.func @gemm_kept(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects 2 results or operands in 'outs', is 1}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    {activation = #exec<activation gelu>, kept} -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c5
func.func @gemm_combination(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>, %bias: tensor<8xf32>) {
  // expected-error @+1 {{does not combine bias, activation none and sum a}}
  %c:2 = exec.gemm ins(%a, %b, %bias : tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {bias, sum = #exec<sum a>} -> tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// exec_gemm_c5
func.func @gemm_sum_of_result(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{does not combine activation none and sum result}}
  %c:2 = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    {sum = #exec<sum result>} -> tensor<4x8xf32>, tensor<8xf32>
  return
}

// -----

// exec_gemm_c5
func.func @gemm_batched_bias(%a: tensor<2x4x8xf32>, %b: tensor<8x8xf32>, %bias: tensor<8xf32>) {
  // expected-error @+1 {{expects bias, activation and sum without batch and f64, is batch 2 of 'f32'}}
  %c = exec.gemm ins(%a, %b, %bias : tensor<2x4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {batch = array<i64: 2>, stride_a = array<i64: 32>, stride_b = array<i64: 0>,
    stride_c = array<i64: 32>, bias} -> tensor<2x4x8xf32>
  return
}

// -----

// exec_gemm_c6
func.func @gemm_bias_length(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>, %bias: tensor<4xf32>) {
  // expected-error @+1 {{expects 8 elements of 'f32', is 'tensor<4xf32>'}}
  %c = exec.gemm ins(%a, %b, %bias : tensor<4x8xf32>, tensor<8x8xf32>, tensor<4xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {bias} -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c6
func.func @gemm_rows_kept(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) {
  // expected-error @+1 {{expects rows of multiples of 8 with 'kept' and 'gelu_gradient', is n 6}}
  %c:2 = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x6xf32>) m 4 n 6 k 8 ld [8, 6, 6] trans [false, false]
    {activation = #exec<activation gelu>, kept} -> tensor<4x6xf32>, tensor<4x6xf32>
  return
}

// -----

func.func @gemm_lists(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects three leading dimensions and two flags, is 2 and 2}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c1
func.func @gemm_addend_missing(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects 3 operands in 'ins', is 2}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false] {accumulate}
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c1: on buffers that is the first of 'outs'
func.func @gemm_addend_apart(%a: memref<4x8xf32>, %b: memref<8x8xf32>, %x: memref<4x8xf32>, %c: memref<4x8xf32>) {
  // expected-error @+1 {{expects 2 operands in 'ins', is 3}}
  exec.gemm ins(%a, %b, %x : memref<4x8xf32>, memref<8x8xf32>, memref<4x8xf32>) outs(%c : memref<4x8xf32>)
    m 4 n 8 k 8 ld [8, 8, 8] trans [false, false] {accumulate}
  return
}

// -----

// exec_gemm_c7
func.func @gemm_addend_type(%a: tensor<4x8xbf16>, %b: tensor<8x8xbf16>, %x: tensor<4x8xf32>) {
  // expected-error @+1 {{expects to be added to 32 elements of 'bf16', is 'tensor<4x8xf32>'}}
  %c = exec.gemm ins(%a, %b, %x : tensor<4x8xbf16>, tensor<8x8xbf16>, tensor<4x8xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {accumulate} -> tensor<4x8xbf16>
  return
}

// -----

// exec_gemm_c7
func.func @gemm_addend_size(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>, %x: tensor<4x7xf32>) {
  // expected-error @+1 {{expects to be added to 32 elements of 'f32', is 'tensor<4x7xf32>'}}
  %c = exec.gemm ins(%a, %b, %x : tensor<4x8xf32>, tensor<8x8xf32>, tensor<4x7xf32>) m 4 n 8 k 8 ld [8, 8, 8]
    trans [false, false] {accumulate} -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c3
func.func @gemm_strides(%a: tensor<2x4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects 1 strides, one a batch loop, is 0}}
  %c = exec.gemm ins(%a, %b : tensor<2x4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    {batch = array<i64: 2>, stride_a = array<i64: 32>} -> tensor<2x4x8xf32>
  return
}

// -----

func.func @gemm_extents(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{expects positive extents, is m 4 n -8 k 8}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n -8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c4
func.func @gemm_reach(%a: tensor<4x8xf32>, %b: tensor<7x8xf32>) {
  // expected-error @+1 {{reaches element 64 of operand 1 with rows of 8 and leading dimension 8, which has type 'tensor<7x8xf32>'}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<7x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c4: transposed, B has 8 rows of 3
func.func @gemm_transposed(%a: tensor<4x3xf32>, %b: tensor<3x8xf32>) {
  // expected-error @+1 {{reaches element 59 of operand 1 with rows of 3 and leading dimension 8}}
  %c = exec.gemm ins(%a, %b : tensor<4x3xf32>, tensor<3x8xf32>) m 4 n 8 k 3 ld [3, 8, 8] trans [false, true]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c4
func.func @gemm_leading(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{of operand 0 with rows of 8 and leading dimension 7}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [7, 8, 8] trans [false, false]
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c4
func.func @gemm_batch(%a: tensor<2x4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{reaches element 64 of operand 2}}
  %c = exec.gemm ins(%a, %b : tensor<2x4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    {batch = array<i64: 2>, stride_a = array<i64: 32>, stride_b = array<i64: 0>, stride_c = array<i64: 32>}
    -> tensor<4x8xf32>
  return
}

// -----

// exec_gemm_c4: nor before the operand's start
func.func @gemm_backwards(%a: tensor<2x4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{of operand 0}}
  %c = exec.gemm ins(%a, %b : tensor<2x4x8xf32>, tensor<8x8xf32>) m 4 n 8 k 8 ld [8, 8, 8] trans [false, false]
    {batch = array<i64: 2>, stride_a = array<i64: -32>, stride_b = array<i64: 0>, stride_c = array<i64: 32>}
    -> tensor<2x4x8xf32>
  return
}

// -----

// exec_gemm_c4: nor around the numbers' end
func.func @gemm_wrap(%a: tensor<4x8xf32>, %b: tensor<8x8xf32>) {
  // expected-error @+1 {{of operand 0}}
  %c = exec.gemm ins(%a, %b : tensor<4x8xf32>, tensor<8x8xf32>) m 5 n 8 k 8 ld [4611686018427387904, 8, 8]
    trans [false, false] -> tensor<5x8xf32>
  return
}

// -----

// exec_check_index_c1
func.func @check(%i: tensor<4xi64>) {
  // expected-error @+1 {{expects a positive size, is 0}}
  exec.check_index %i in 0 for "row" : tensor<4xi64>
  return
}

// -----

// exec_check_index_c2
func.func @lowest_index(%i: tensor<4xi64>) {
  // expected-error @+1 {{expects 'lowest' not to be positive, is 3}}
  exec.check_index %i in 8 for "row" {lowest = 3 : i64} : tensor<4xi64>
  return
}

// -----

// exec_collective_c1
func.func @collective_type(%a: memref<4xf32>, %b: memref<8xf16>) {
  // expected-error @+1 {{expects one element type, is 'memref<4xf32>' and 'memref<8xf16>'}}
  exec.collective all_gather sum %a into %b : memref<4xf32>, memref<8xf16>
  return
}

// -----

// exec_collective_c2
func.func @all_gather(%a: memref<4xf32>, %b: memref<6xf32>) {
  // expected-error @+1 {{expects sizes that fit 'all_gather', is 'memref<4xf32>' into 'memref<6xf32>'}}
  exec.collective all_gather sum %a into %b : memref<4xf32>, memref<6xf32>
  return
}

// -----

// exec_collective_c2
func.func @reduce_scatter(%a: memref<4xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{expects sizes that fit 'reduce_scatter'}}
  exec.collective reduce_scatter mean %a into %b : memref<4xf32>, memref<8xf32>
  return
}

// -----

// exec_collective_c2
func.func @all_reduce(%a: memref<4xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{expects sizes that fit 'all_reduce'}}
  exec.collective all_reduce max %a into %b : memref<4xf32>, memref<8xf32>
  return
}

// -----

// exec_copy_c1
func.func @copy(%a: memref<4x2xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{expects one type, is 'memref<4x2xf32>' and 'memref<8xf32>'}}
  exec.copy %a into %b : memref<4x2xf32>, memref<8xf32>
  return
}

// -----

// exec_collective_c3
func.func @pieces_missing(%a: memref<4xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{expects 'pieces' of a transfer, and of nothing else}}
  exec.collective transfer sum %a into %b : memref<4xf32>, memref<8xf32>
  return
}

// -----

// exec_collective_c3
func.func @pieces_outside(%a: memref<4xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{moves 3 elements from 2 to 0, outside a source of 4 or a destination of 8}}
  exec.collective transfer sum %a into %b {pieces = array<i64: 0, 1, 2, 0, 3>} : memref<4xf32>, memref<8xf32>
  return
}

// -----

// exec_collective_c3
func.func @pieces_cut_off(%a: memref<4xf32>, %b: memref<8xf32>) {
  // expected-error @+1 {{expects 5 numbers a piece, is 4 in all}}
  exec.collective transfer sum %a into %b {pieces = array<i64: 0, 1, 2, 0>} : memref<4xf32>, memref<8xf32>
  return
}

// Constraints of attention, each by its tag.

// RUN: raddle-opt %s --split-input-file --verify-diagnostics

// exec_attention_c1
func.func @mixed(%x: tensor<1x1x4x2xf32>, %y: memref<1x1x4x2xf32>) {
  // expected-error @+1 {{expects tensors with results or memrefs with 'outs'}}
  exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>) outs(%y : memref<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
  return
}

// -----

// exec_attention_c2: a mask is missing
func.func @operands(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{expects 4 operands in 'ins' and 2 results, is 3 and 2}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0 {masked}
    -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c3
func.func @type(%x: tensor<1x1x4x2xf64>) {
  // expected-error @+1 {{expects vectors of f32, f16 or bf16, is 'tensor<1x1x4x2xf64>'}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf64>, tensor<1x1x4x2xf64>, tensor<1x1x4x2xf64>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    -> tensor<1x1x4x2xf64>, tensor<1x1x4xf64>
  return
}

// -----

// exec_attention_c3
func.func @logarithms(%x: tensor<1x1x4x2xbf16>) {
  // expected-error @+1 {{expects operand 4 of 'f32', is 'tensor<1x1x4xbf16>'}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xbf16>, tensor<1x1x4x2xbf16>, tensor<1x1x4x2xbf16>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    -> tensor<1x1x4x2xbf16>, tensor<1x1x4xbf16>
  return
}

// -----

// exec_attention_c4
func.func @extents(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{expects 7 extents from 1 to 2147483647, is 1, 1, 0, 4, 4, 2, 2}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 0, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c4
func.func @strides(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{expects 20 strides that are not negative, is 8, 8, 2, 1}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1] scale 1.0 -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c5
func.func @reach(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{reaches element 9 of operand 1, which has type 'tensor<1x1x4x2xf32>'}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 5, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c6
func.func @torn(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{expects vectors of operand 0 from 2 to 2147483647 elements apart and their elements side by side, is 8, 8, 1, 2}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 1, 2, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c2: lengths are missing
func.func @without_lengths(%x: tensor<1x1x4x2xf32>) {
  // expected-error @+1 {{expects 4 operands in 'ins' and 2 results, is 3 and 2}}
  %o, %l = exec.attention ins(%x, %x, %x : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0 {lengths}
    -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c3
func.func @lengths_type(%x: tensor<1x1x4x2xf32>, %n: tensor<1xi16>) {
  // expected-error @+1 {{expects lengths of i32 or i64, is 'tensor<1xi16>'}}
  %o, %l = exec.attention ins(%x, %x, %x, %n : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1xi16>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 1, 0, 0, 0, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    {lengths} -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

// -----

// exec_attention_c5
func.func @lengths_reach(%x: tensor<2x1x4x2xf32>, %n: tensor<1xi32>) {
  // expected-error @+1 {{reaches element 1 of operand 3, which has type 'tensor<1xi32>'}}
  %o, %l = exec.attention ins(%x, %x, %x, %n : tensor<2x1x4x2xf32>, tensor<2x1x4x2xf32>, tensor<2x1x4x2xf32>, tensor<1xi32>)
    extents [2, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 1, 0, 0, 0, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    {lengths} -> tensor<2x1x4x2xf32>, tensor<2x1x4xf32>
  return
}

// -----

// exec_attention_c7
func.func @both(%x: tensor<1x1x4x2xf32>, %n: tensor<1xi32>) {
  // expected-error @+1 {{expects 'masked' or 'lengths', has both}}
  %o, %l = exec.attention ins(%x, %x, %x, %n : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>, tensor<1xi32>)
    extents [1, 1, 1, 4, 4, 2, 2] strides [8, 8, 2, 1, 8, 8, 2, 1, 8, 8, 2, 1, 1, 0, 0, 0, 8, 8, 2, 1, 4, 4, 1, 1] scale 1.0
    {lengths, masked} -> tensor<1x1x4x2xf32>, tensor<1x1x4xf32>
  return
}

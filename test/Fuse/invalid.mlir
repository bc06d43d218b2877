// RUN: raddle-opt %s --verify-diagnostics --fuse-outline

// expected-error @+1 {{expects a body of one block that ends in 'func.return'}}
func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<4xf32>
}

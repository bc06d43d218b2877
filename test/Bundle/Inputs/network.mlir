// A rank's program for two rows: a linear layer, rows of a constant table, a softmax, and a mean over everything.
func.func @main(%w: tensor<6x7xf32> {nn.param = "layer.0.weight", nn.init = {kind = "ones"}},
                %b: tensor<7xf32> {nn.param = "layer.0.bias", nn.init = {kind = "ones"}, nn.aliases = ["tied"]},
                %x: tensor<2x6xf32> {nn.input = "x", nn.batched}, %ids: tensor<2xi64> {nn.input = "ids", nn.batched})
    -> (tensor<2x7xf32> {nn.output = "y", nn.batched}, tensor<f32> {nn.output = "mean"}) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x7xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x7xf32>) -> tensor<2x7xf32>
  %m = linalg.matmul ins(%x, %w : tensor<2x6xf32>, tensor<6x7xf32>) outs(%f : tensor<2x7xf32>) -> tensor<2x7xf32>
  %table = arith.constant dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0],
                                 [14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0], [21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0],
                                 [28.0, 29.0, 30.0, 31.0, 32.0, 33.0, 34.0]]> : tensor<5x7xf32>
  %rows = nn.embedding %table, %ids : tensor<5x7xf32>, tensor<2xi64> -> tensor<2x7xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%m, %b, %rows : tensor<2x7xf32>, tensor<7xf32>, tensor<2x7xf32>) outs(%e : tensor<2x7xf32>) {
  ^bb0(%a: f32, %c: f32, %r: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = math.tanh %s : f32
    %v = arith.addf %t, %r : f32
    linalg.yield %v : f32
  } -> tensor<2x7xf32>
  %lowest = arith.constant 0xFF800000 : f32
  %er = tensor.empty() : tensor<2xf32>
  %fl = linalg.fill ins(%lowest : f32) outs(%er : tensor<2xf32>) -> tensor<2xf32>
  %max = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%h : tensor<2x7xf32>) outs(%fl : tensor<2xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.maximumf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  %exp = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%h, %max : tensor<2x7xf32>, tensor<2xf32>) outs(%e : tensor<2x7xf32>) {
  ^bb0(%a: f32, %b0: f32, %o: f32):
    %s = arith.subf %a, %b0 : f32
    %p = math.exp %s : f32
    linalg.yield %p : f32
  } -> tensor<2x7xf32>
  %fz = linalg.fill ins(%zero : f32) outs(%er : tensor<2xf32>) -> tensor<2xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<2x7xf32>) outs(%fz : tensor<2xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<2x7xf32>, tensor<2xf32>) outs(%e : tensor<2x7xf32>) {
  ^bb0(%a: f32, %b0: f32, %o: f32):
    %s = arith.divf %a, %b0 : f32
    linalg.yield %s : f32
  } -> tensor<2x7xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %total = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%h : tensor<2x7xf32>) outs(%f0 : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %acc, %a : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %mean = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%total : tensor<f32>) outs(%e0 : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.constant 14.0 : f32
    %s = arith.divf %a, %n : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %y, %mean : tensor<2x7xf32>, tensor<f32>
}

module attributes {nn.stage = "generate"} {
  ragged.bucket @b ranks 1 shard 4 : f32 {
    slots = [#ragged.slot<"w" at 0 shape [4] unit 1>],
    parameters = [{nn.source = {entry = 7 : i64}}]
  }
  func.func private @kernel(tensor<4xf32>) -> tensor<4xf32> attributes {exec.kernel}
  exec.program @main arena 16 streams 2 events 0 inputs [{nn.input = "x"}]
      outputs [{type = tensor<?xf32>}, {type = tensor<4xi3>}, {type = tensor<f32>, nn.batched}]
      states [{type = tensor<4xf32>}, {type = tensor<4xf32>, ragged.state = "b.other"}] allocations [{name = "a"}] {
    %x = exec.buffer input[0] at 0 : memref<4xf32>
    %y = exec.buffer arena[0] at 0 : memref<4xf32>
    exec.dispatch @kernel ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
    %z = memref.alloc() : memref<4xf32>
    exec.zero %z : memref<4xf32>
  }
}

// Every op of the dialect in its written form.

// RUN: raddle-opt %s --verify-roundtrip | raddle-opt | FileCheck %s

// CHECK: ragged.bucket @layers_0 ranks 4 shard 96 : f32
// CHECK-SAME: slots = [#ragged.slot<"layers.0.weight" at 0 shape [13, 24] unit 24>, #ragged.slot<"layers.0.bias" at 320 shape [24] unit 1>]
ragged.bucket @layers_0 ranks 4 shard 96 : f32 {
  slots = [#ragged.slot<"layers.0.weight" at 0 shape [13, 24] unit 24>,
           #ragged.slot<"layers.0.bias" at 320 shape [24] unit 1>]
}
// CHECK: ragged.bucket @scalar ranks 1 shard 1 : bf16 {parameters = [{nn.frozen}], slots = [#ragged.slot<"s" at 0 shape [] unit 1>]}
ragged.bucket @scalar ranks 1 shard 1 : bf16 {
  parameters = [{nn.frozen}], slots = [#ragged.slot<"s" at 0 shape [] unit 1>]
}
// CHECK: ragged.bucket @empty ranks 2 shard 8 : f32 {slots = []}
ragged.bucket @empty ranks 2 shard 8 : f32 {slots = []}

// CHECK-LABEL: @uses
func.func @uses(%slice: tensor<96xf32>, %dw: tensor<13x24xf32>, %db: tensor<24xf32>, %loss: tensor<f32>) {
  // CHECK: %[[FULL:.*]] = ragged.gather %{{.*}} of @layers_0 : tensor<96xf32> -> tensor<384xf32>
  %full = ragged.gather %slice of @layers_0 : tensor<96xf32> -> tensor<384xf32>
  // CHECK: ragged.slot "layers.0.weight" of %[[FULL]] in @layers_0 : tensor<384xf32> -> tensor<13x24xf32>
  %w = ragged.slot "layers.0.weight" of %full in @layers_0 : tensor<384xf32> -> tensor<13x24xf32>
  // CHECK: %[[PACK:.*]] = ragged.pack %{{.*}}, %{{.*}} into @layers_0 : (tensor<13x24xf32>, tensor<24xf32>) -> tensor<384xf32>
  %pack = ragged.pack %dw, %db into @layers_0 : (tensor<13x24xf32>, tensor<24xf32>) -> tensor<384xf32>
  // CHECK: ragged.reduce_scatter <mean> %[[PACK]] of @layers_0 : tensor<384xf32> -> tensor<96xf32>
  %grad = ragged.reduce_scatter <mean> %pack of @layers_0 : tensor<384xf32> -> tensor<96xf32>
  // CHECK: ragged.all_reduce <mean> %{{.*}} over 4 : tensor<f32>
  %mean = ragged.all_reduce <mean> %loss over 4 : tensor<f32>
  // CHECK: ragged.all_reduce <sum>
  %sum = ragged.all_reduce <sum> %loss over 4 : tensor<f32>
  // CHECK: ragged.all_reduce <max>
  %max = ragged.all_reduce <max> %loss over 4 : tensor<f32>
  // CHECK: ragged.all_reduce <mean> %{{.*}} over 2 {group = #ragged.group<replicas>} : tensor<f32>
  %group = ragged.all_reduce <mean> %loss over 2 {group = #ragged.group<replicas>} : tensor<f32>
  // CHECK: ragged.gather %{{.*}} of @layers_0 {phase = 1 : i64} : tensor<96xf32> -> tensor<384xf32>
  %again = ragged.gather %slice of @layers_0 {phase = 1 : i64} : tensor<96xf32> -> tensor<384xf32>
  return
}

// A slice that was cast is gathered as what it is.
// CHECK-LABEL: @narrow
func.func @narrow(%slice: tensor<96xbf16>) {
  // CHECK: ragged.gather %{{.*}} of @layers_0 : tensor<96xbf16> -> tensor<384xbf16>
  %full = ragged.gather %slice of @layers_0 : tensor<96xbf16> -> tensor<384xbf16>
  // CHECK: ragged.slot "layers.0.bias" of %{{.*}} in @layers_0 : tensor<384xbf16> -> tensor<24xbf16>
  %b = ragged.slot "layers.0.bias" of %full in @layers_0 : tensor<384xbf16> -> tensor<24xbf16>
  return
}

ragged.bucket @roots ranks 4 shard 312 : f32 {
  slots = [#ragged.slot<"layers.0.bias" at 0 shape [24] unit 24>, #ragged.slot<"layers.0.weight" at 312 shape [13, 24] unit 312>]
}

// CHECK-LABEL: @layouts
func.func @layouts(%slice: tensor<96xf32>) {
  // CHECK: ragged.redistribute %{{.*}} from @layers_0 to @roots : tensor<96xf32> -> tensor<312xf32>
  %other = ragged.redistribute %slice from @layers_0 to @roots : tensor<96xf32> -> tensor<312xf32>
  // CHECK: %[[W:.*]]:2 = ragged.gather_to_roots %{{.*}} of @layers_0 roots [0, 3] : (tensor<96xf32>) -> (tensor<13x24xf32>, tensor<24xf32>)
  %w:2 = ragged.gather_to_roots %slice of @layers_0 roots [0, 3] : (tensor<96xf32>) -> (tensor<13x24xf32>, tensor<24xf32>)
  // CHECK: ragged.scatter_from_roots %[[W]]#0, %[[W]]#1 into @layers_0 : (tensor<13x24xf32>, tensor<24xf32>) -> tensor<96xf32>
  %back = ragged.scatter_from_roots %w#0, %w#1 into @layers_0 : (tensor<13x24xf32>, tensor<24xf32>) -> tensor<96xf32>
  return
}

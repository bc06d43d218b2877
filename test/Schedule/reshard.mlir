// Buckets that lie idle while the most memory is in use are gathered again; gathers start while the bucket before is in use.

// RUN: raddle-opt %s --ragged-reshard | FileCheck %s
// RUN: raddle-opt %s --ragged-reshard --cse --canonicalize | FileCheck %s --check-prefix=COUNT
// RUN: raddle-opt %s --ragged-reshard=budget=100000 | FileCheck %s --check-prefix=HELD
// RUN: raddle-opt %s --ragged-reshard --remarks-filter=ragged-reshard -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: raddle-opt %s --ragged-prefetch=budget=100000 | FileCheck %s --check-prefix=EARLY
// RUN: raddle-opt %s --ragged-prefetch | FileCheck %s --check-prefix=LATE
// RUN: not raddle-opt %s --ragged-reshard=budget=3000 --schedule-assign=budget=3000 2>&1 | FileCheck %s --check-prefix=BUDGET

// REMARK: remark: [Passed] again | Category:ragged-reshard | Remark=a, {{.*}}512

// BUDGET: needs {{[0-9]+}} bytes a rank (512 of states, {{[0-9]+}} of arena), the memory budget is 3000

ragged.bucket @a ranks 2 shard 64 : f32 {slots = [#ragged.slot<"w" at 0 shape [128] unit 1>]}
ragged.bucket @b ranks 2 shard 64 : f32 {slots = [#ragged.slot<"v" at 0 shape [128] unit 1>]}
func.func private @small(%w: tensor<128xf32>, %x: tensor<128xf32>) -> tensor<128xf32> attributes {exec.kernel} { return %x : tensor<128xf32> }
func.func private @large(%w: tensor<128xf32>, %x: tensor<128xf32>) -> tensor<512xf32> attributes {exec.kernel} {
  %e = tensor.empty() : tensor<512xf32>
  return %e : tensor<512xf32>
}
func.func private @back(%w: tensor<128xf32>, %x: tensor<512xf32>) -> tensor<128xf32> attributes {exec.kernel} { return %w : tensor<128xf32> }

// The peak is where b makes the large value: a is free then, and comes back for its second use. b is in use there.
// CHECK-LABEL: @main
// CHECK: %[[A:.*]] = ragged.gather %{{.*}} of @a :
// CHECK: %[[W:.*]] = ragged.slot "w" of %[[A]]
// CHECK: exec.dispatch @small ins(%[[W]],
// CHECK: ragged.gather %{{.*}} of @b :
// CHECK: exec.dispatch @large
// CHECK: exec.dispatch @back
// CHECK: %[[AGAIN:.*]] = ragged.gather %{{.*}} of @a {phase = 1 : i64}
// CHECK: %[[W2:.*]] = ragged.slot "w" of %[[AGAIN]]
// CHECK: exec.dispatch @small ins(%[[W2]],
// COUNT-LABEL: @main
// COUNT-COUNT-3: ragged.gather
// COUNT-NOT: ragged.gather
// HELD-LABEL: @main
// HELD-COUNT-2: ragged.gather
// HELD-NOT: ragged.gather

// b is on its way while a is in use, if there is memory for both.
// EARLY-LABEL: @main
// EARLY: ragged.gather %{{.*}} of @a
// EARLY-NEXT: ragged.slot "w"
// EARLY-NEXT: ragged.gather %{{.*}} of @b
// EARLY-NEXT: exec.dispatch @small
// Without a budget the peak stays what it was; there is room below it.
// LATE-LABEL: @main
// LATE: ragged.gather %{{.*}} of @b
// LATE-NEXT: exec.dispatch @small
func.func @main(%x: tensor<128xf32> {nn.input = "x"}, %sa: tensor<64xf32> {ragged.state = "a.param", ragged.bucket = @a, ragged.role = "param"},
                %sb: tensor<64xf32> {ragged.state = "b.param", ragged.bucket = @b, ragged.role = "param"}) -> (tensor<128xf32> {nn.output = "y"}) {
  %fa = ragged.gather %sa of @a : tensor<64xf32> -> tensor<128xf32>
  %w = ragged.slot "w" of %fa in @a : tensor<128xf32> -> tensor<128xf32>
  %h = exec.dispatch @small ins(%w, %x : tensor<128xf32>, tensor<128xf32>) -> tensor<128xf32>
  %fb = ragged.gather %sb of @b : tensor<64xf32> -> tensor<128xf32>
  %v = ragged.slot "v" of %fb in @b : tensor<128xf32> -> tensor<128xf32>
  %l = exec.dispatch @large ins(%v, %h : tensor<128xf32>, tensor<128xf32>) -> tensor<512xf32>
  %k = exec.dispatch @back ins(%v, %l : tensor<128xf32>, tensor<512xf32>) -> tensor<128xf32>
  %y = exec.dispatch @small ins(%w, %k : tensor<128xf32>, tensor<128xf32>) -> tensor<128xf32>
  return %y : tensor<128xf32>
}

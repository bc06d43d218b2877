// The CPU's runtime has calls of attention. A GPU's has them of 16-bit vectors; of f32 it has products and kernels, and no
// two ops share a kernel's rows.

// RUN: raddle-compile %s --stop-after=fuse | FileCheck %s --check-prefix=CPU
// RUN: raddle-compile %s --target=cuda:sm_90 --stop-after=fuse | FileCheck %s --check-prefix=GPU

// CPU-LABEL: func.func @main(
// CPU-NEXT: exec.attention
// CPU-NEXT: return

// GPU-LABEL: func.func @main(
// GPU-NOT: exec.attention
// GPU: exec.gemm
// GPU: exec.dispatch
// GPU: exec.gemm
// GPU: return
module attributes {nn.stage = "shard"} {
  func.func @main(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>, %v: tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32> {
    %out, %lse = nn.attention %q, %k, %v {scale = 0.5 : f64, causal}
      : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32>, tensor<1x2x4xf32>
    return %out : tensor<1x2x4x8xf32>
  }
}

// What was fused for a CPU does not become a GPU's.
// RUN: raddle-compile %s --stop-after=fuse -o %t.fuse.mlir
// RUN: not raddle-compile %t.fuse.mlir --target=cuda:sm_90 --stop-after=generate 2>&1 | FileCheck %s --check-prefix=FUSED
// FUSED: 'exec.attention' op is a call of the CPU's runtime, --target=cuda:sm_90 has none (cuDNN has f16 and bf16 only): compile from stage 'shard' or an earlier one

// cuBLASLt's own interface, declared by hand and loaded when a bundle needs it.
#pragma once

#include "Driver.h"
#include "GemmChoices.h"

#include <memory>
#include <string>

namespace raddle::runtime::cuda::blaslt {

using Status = int;
using Handle = struct BlasLtHandle *;
using Description = struct MatmulDescription *;
using Layout = struct MatrixLayout *;
using Preference = struct MatmulPreference *;

// Numbers of cublasLt.h and library_types.h.
constexpr int real32 = 0, real64 = 1, real16 = 2, brain16 = 14, compute32 = 68, compute64 = 70;
constexpr int matmulTransA = 3, matmulTransB = 4, matmulEpilogue = 7, matmulBias = 8, matmulAux = 11,
              matmulAuxLeading = 12;
constexpr int layoutBatchCount = 5, layoutBatchStride = 6;
constexpr int preferWorkspace = 1, preferReductions = 3, preferAlignmentA = 5, preferAlignmentB = 6,
              preferAlignmentC = 7, preferAlignmentD = 8;
constexpr uint32_t reduceInComputeType = 2, reduceInOutputType = 4;
constexpr int32_t transposed = 1;
// Bits of an epilogue.
constexpr uint32_t epilogueDefault = 1, epilogueBias = 4, epilogueSums = 16, epilogueGelu = 32,
                   epilogueGeluGradient = 64, epilogueAux = 128, epilogueSumsOfA = 256, epilogueSumsOfB = 512;

struct Heuristic {
  GemmAlgorithm algorithm;
  size_t workspace;
  Status state;
  float waves;
  int reserved[4];
};

struct Library {
  Status (*create)(Handle *);
  Status (*destroy)(Handle);
  size_t (*version)();
  Status (*describe)(Description *, int, int);
  Status (*setDescription)(Description, int, const void *, size_t);
  Status (*freeDescription)(Description);
  Status (*layOut)(Layout *, int, uint64_t, uint64_t, int64_t);
  Status (*setLayout)(Layout, int, const void *, size_t);
  Status (*freeLayout)(Layout);
  Status (*prefer)(Preference *);
  Status (*setPreference)(Preference, int, const void *, size_t);
  Status (*freePreference)(Preference);
  Status (*heuristic)(Handle, Description, Layout, Layout, Layout, Layout, Preference, int, Heuristic *, int *);
  Status (*checkAlgorithm)(Handle, Description, Layout, Layout, Layout, Layout, const GemmAlgorithm *, Heuristic *);
  Status (*matmul)(Handle, Description, const void *, const void *, Layout, const void *, Layout, const void *,
                   const void *, Layout, void *, Layout, const GemmAlgorithm *, void *, size_t, Stream);
};

/// Loads it, once for the process. Throws Error when it is not installed or too old.
const Library &library();

/// Throws Error with what was tried unless the status says success.
void check(Status status, const std::string &what);

struct FreeDescription {
  void operator()(Description description) const { library().freeDescription(description); }
};
struct FreeLayout {
  void operator()(Layout layout) const { library().freeLayout(layout); }
};
struct FreePreference {
  void operator()(Preference preference) const { library().freePreference(preference); }
};
using OwnedDescription = std::unique_ptr<MatmulDescription, FreeDescription>;
using OwnedLayout = std::unique_ptr<MatrixLayout, FreeLayout>;
using OwnedPreference = std::unique_ptr<MatmulPreference, FreePreference>;

} // namespace raddle::runtime::cuda::blaslt

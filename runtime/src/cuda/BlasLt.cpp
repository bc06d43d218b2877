#include "BlasLt.h"

#include "SharedLibrary.h"

#include "raddle/runtime/Error.h"

#include <utility>

namespace raddle::runtime::cuda {

namespace {

using Status = int;
using Handle = struct BlasLtHandle *;
using Description = struct MatmulDescription *;
using Layout = struct MatrixLayout *;
using Preference = struct MatmulPreference *;

// Numbers of cublasLt.h and library_types.h.
constexpr int real32 = 0, real64 = 1, real16 = 2, brain16 = 14, compute32 = 68, compute64 = 70;
constexpr int matmulTransA = 3, matmulTransB = 4, layoutBatchCount = 5, layoutBatchStride = 6;
constexpr int preferWorkspace = 1, preferReductions = 3, preferAlignmentA = 5, preferAlignmentB = 6,
              preferAlignmentC = 7, preferAlignmentD = 8;
constexpr uint32_t reduceInComputeType = 2, reduceInOutputType = 4;
constexpr int32_t transposed = 1;

struct Algorithm {
  uint64_t data[8];
};

struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  Status state;
  float waves;
  int reserved[4];
};

struct Library {
  Status (*create)(Handle *);
  Status (*destroy)(Handle);
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
  Status (*matmul)(Handle, Description, const void *, const void *, Layout, const void *, Layout, const void *,
                   const void *, Layout, void *, Layout, const Algorithm *, void *, size_t, Stream);
};

const Library &library() {
  static const Library loaded = [] {
    SharedLibrary file({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"},
                       "the bundle has matrix products for a GPU, but cuBLASLt cannot be loaded");
    Library library;
    file.find(library.create, "cublasLtCreate");
    file.find(library.destroy, "cublasLtDestroy");
    file.find(library.describe, "cublasLtMatmulDescCreate");
    file.find(library.setDescription, "cublasLtMatmulDescSetAttribute");
    file.find(library.freeDescription, "cublasLtMatmulDescDestroy");
    file.find(library.layOut, "cublasLtMatrixLayoutCreate");
    file.find(library.setLayout, "cublasLtMatrixLayoutSetAttribute");
    file.find(library.freeLayout, "cublasLtMatrixLayoutDestroy");
    file.find(library.prefer, "cublasLtMatmulPreferenceCreate");
    file.find(library.setPreference, "cublasLtMatmulPreferenceSetAttribute");
    file.find(library.freePreference, "cublasLtMatmulPreferenceDestroy");
    file.find(library.heuristic, "cublasLtMatmulAlgoGetHeuristic");
    file.find(library.matmul, "cublasLtMatmul");
    file.check("cuBLASLt");
    return library;
  }();
  return loaded;
}

void check(Status status, const std::string &what) {
  if (status != 0)
    throw Error(what + ": cuBLASLt reports status " + std::to_string(status));
}

int typeOf(DType dtype) {
  switch (dtype) {
  case DType::F64:
    return real64;
  case DType::F16:
    return real16;
  case DType::BF16:
    return brain16;
  default:
    return real32;
  }
}

std::string describe(const GemmProblem &p) {
  return std::string(nameOf(p.dtype)) + " matrix product of " + std::to_string(p.m) + " x " + std::to_string(p.k) +
         " and " + std::to_string(p.k) + " x " + std::to_string(p.n);
}

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

/// A matrix of `batches` batches in cuBLAS's order, in which columns are contiguous.
OwnedLayout layOut(int type, int64_t rows, int64_t columns, int64_t leading, int64_t batches, int64_t stride) {
  Layout layout;
  check(library().layOut(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), leading),
        "cannot describe a matrix");
  OwnedLayout owned(layout);
  int32_t count = static_cast<int32_t>(batches);
  check(library().setLayout(layout, layoutBatchCount, &count, sizeof(count)), "cannot describe a batch");
  check(library().setLayout(layout, layoutBatchStride, &stride, sizeof(stride)), "cannot describe a batch");
  return owned;
}

/// A product as cuBLAS sees it: a row-major matrix is the transposed column-major one, and C' = B' A'.
struct Prepared {
  OwnedDescription description;
  OwnedLayout a, b, c;
  Algorithm algorithm;
  double alpha, beta;
  float alpha32, beta32;
  bool isDouble;
  size_t width, resultWidth;
  BatchPlan batches;
};

} // namespace

struct BlasLt::Implementation {
  Stream stream;
  Handle handle = nullptr;
  Address workspace = 0;
  std::vector<Prepared> prepared;
};

BlasLt::BlasLt(Stream stream) : impl(std::make_unique<Implementation>()) {
  impl->stream = stream;
  check(library().create(&impl->handle), "cannot start cuBLASLt");
  Result result = driver().memAlloc(&impl->workspace, workspaceBytes);
  if (result != 0)
    library().destroy(impl->handle);
  driver().check(result, "cannot allocate memory for matrix products");
}

BlasLt::~BlasLt() {
  impl->prepared.clear();
  driver().memFree(impl->workspace);
  library().destroy(impl->handle);
}

static OwnedPreference makePreference(size_t workspace, const uint64_t (&alignment)[3]) {
  Preference preference;
  check(library().prefer(&preference), "cannot describe a choice");
  OwnedPreference owned(preference);
  check(library().setPreference(preference, preferWorkspace, &workspace, sizeof(workspace)),
        "cannot describe a choice");
  // Parts of a sum that are added in place need a memset before the call, and a graph with those takes the host long to
  // launch (FillKernel.h).
  constexpr uint32_t addedByKernels = reduceInComputeType | reduceInOutputType;
  check(library().setPreference(preference, preferReductions, &addedByKernels, sizeof(addedByKernels)),
        "cannot describe a choice");
  // The first operand of cuBLAS is our second.
  const std::pair<int, uint64_t> bytes[] = {{preferAlignmentA, alignment[1]},
                                            {preferAlignmentB, alignment[0]},
                                            {preferAlignmentC, alignment[2]},
                                            {preferAlignmentD, alignment[2]}};
  for (auto [attribute, value] : bytes) {
    uint32_t number = static_cast<uint32_t>(value);
    check(library().setPreference(preference, attribute, &number, sizeof(number)), "cannot describe a choice");
  }
  return owned;
}

size_t BlasLt::prepare(const GemmProblem &p, const uint64_t (&alignment)[3]) {
  Prepared made;
  made.isDouble = p.dtype == DType::F64;
  made.width = byteSize(p.dtype);
  made.resultWidth = byteSize(p.result);
  made.batches = planBatches(p);
  made.alpha = p.alpha;
  made.beta = p.beta;
  made.alpha32 = static_cast<float>(p.alpha);
  made.beta32 = static_cast<float>(p.beta);
  Description description;
  check(library().describe(&description, made.isDouble ? compute64 : compute32, made.isDouble ? real64 : real32),
        describe(p));
  made.description.reset(description);
  if (p.transposeB)
    check(library().setDescription(description, matmulTransA, &transposed, sizeof(transposed)), describe(p));
  if (p.transposeA)
    check(library().setDescription(description, matmulTransB, &transposed, sizeof(transposed)), describe(p));
  const BatchPlan &batches = made.batches;
  int type = typeOf(p.dtype);
  made.a = layOut(type, p.transposeB ? p.k : p.n, p.transposeB ? p.n : p.k, p.ldb, batches.count, batches.strides.b);
  made.b = layOut(type, p.transposeA ? p.m : p.k, p.transposeA ? p.k : p.m, p.lda, batches.count, batches.strides.a);
  made.c = layOut(typeOf(p.result), p.n, p.m, p.ldc, batches.count, batches.strides.c);
  OwnedPreference preference = makePreference(workspaceBytes, alignment);
  Heuristic found;
  int count = 0;
  check(library().heuristic(impl->handle, description, made.a.get(), made.b.get(), made.c.get(), made.c.get(),
                            preference.get(), 1, &found, &count),
        describe(p));
  if (count == 0)
    throw Error(describe(p) + ": cuBLASLt has no algorithm for it");
  made.algorithm = found.algorithm;
  impl->prepared.push_back(std::move(made));
  return impl->prepared.size() - 1;
}

void BlasLt::run(size_t index, const void *a, const void *b, void *c) {
  const Prepared &p = impl->prepared[index];
  const void *alpha = p.isDouble ? static_cast<const void *>(&p.alpha) : &p.alpha32;
  const void *beta = p.isDouble ? static_cast<const void *>(&p.beta) : &p.beta32;
  auto at = [&](const void *base, int64_t offset, size_t width) {
    return static_cast<const char *>(base) + offset * static_cast<int64_t>(width);
  };
  for (const BatchPlan::Offsets &call : p.batches.calls) {
    void *result = const_cast<char *>(at(c, call.c, p.resultWidth));
    check(library().matmul(impl->handle, p.description.get(), alpha, at(b, call.b, p.width), p.a.get(),
                           at(a, call.a, p.width), p.b.get(), beta, result, p.c.get(), result, p.c.get(), &p.algorithm,
                           reinterpret_cast<void *>(impl->workspace), workspaceBytes, impl->stream),
          "matrix product");
  }
}

} // namespace raddle::runtime::cuda

#include "BlasLt.h"

#include "BlasLtLibrary.h"
#include "BlasLtTimer.h"

#include "../exec/CacheFile.h"
#include "Gpu.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace raddle::runtime::cuda {

using namespace blaslt;

static int typeOf(DType dtype) {
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

static std::string describe(const GemmProblem &p) {
  return std::string(nameOf(p.dtype)) + " matrix product of " + std::to_string(p.m) + " x " + std::to_string(p.k) +
         " and " + std::to_string(p.k) + " x " + std::to_string(p.n);
}

/// The first operand of cuBLAS is our second, so its sums of A are those of our B.
static uint32_t epilogueOf(const GemmProblem &p) {
  if (p.activation == bundle::Activation::GeluGradient)
    return epilogueGeluGradient | epilogueAux | (p.sum == bundle::GemmSum::Result ? epilogueSums : 0);
  if (p.activation == bundle::Activation::Gelu)
    return epilogueGelu | (p.aux ? epilogueAux : 0) | (p.bias ? epilogueBias : 0);
  if (p.sum != bundle::GemmSum::None)
    return p.sum == bundle::GemmSum::A ? epilogueSumsOfB : epilogueSumsOfA;
  return p.bias ? epilogueBias : epilogueDefault;
}

/// A matrix of `batches` batches in cuBLAS's order, in which columns are contiguous.
static OwnedLayout layOut(int type, int64_t rows, int64_t columns, int64_t leading, int64_t batches, int64_t stride) {
  Layout layout;
  check(library().layOut(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), leading),
        "cannot describe a matrix");
  OwnedLayout owned(layout);
  int32_t count = static_cast<int32_t>(batches);
  check(library().setLayout(layout, layoutBatchCount, &count, sizeof(count)), "cannot describe a batch");
  check(library().setLayout(layout, layoutBatchStride, &stride, sizeof(stride)), "cannot describe a batch");
  return owned;
}

template <typename T> static void set(Description description, int attribute, const T &value, const std::string &what) {
  check(library().setDescription(description, attribute, &value, sizeof(value)), what);
}

namespace {

/// How products of one form are computed. Until they are measured, as cuBLASLt proposes first.
struct Choice {
  GemmAlgorithm algorithm;
  std::vector<GemmAlgorithm> candidates;
  bool measured = false;
  size_t example = 0; // a prepared product of the form
};

/// A product as cuBLAS sees it: a row-major matrix is the transposed column-major one, and C' = B' A'.
struct Prepared {
  OwnedDescription description;
  OwnedLayout a, b, c;
  double alpha, beta;
  float alpha32, beta32;
  bool isDouble, hasEpilogue;
  size_t width, resultWidth;
  BatchPlan batches;
  GemmOperands operands; // where it was prepared for
  std::map<std::string, Choice>::iterator choice;
};

} // namespace

struct BlasLt::Implementation {
  Stream stream;
  std::string machine;
  Handle handle = nullptr;
  Address workspace = 0;
  std::unique_ptr<GemmChoices> remembered;
  std::map<std::string, Choice> choices;
  std::vector<Prepared> prepared;

  std::map<std::string, Choice>::iterator choose(const GemmProblem &p, const Prepared &made,
                                                 const uint64_t (&alignment)[3]);
  void run(const Prepared &p, const GemmOperands &operands, const GemmAlgorithm &algorithm);
  std::vector<double> time(const Choice &choice);
};

BlasLt::BlasLt(Stream stream, const std::string &gpu, const std::string &remembered)
    : impl(std::make_unique<Implementation>()) {
  impl->stream = stream;
  impl->machine = gpu + ", cuBLASLt " + std::to_string(library().version());
  if (!remembered.empty())
    impl->remembered = std::make_unique<GemmChoices>(remembered);
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
  // launch (MemoryKernels.h).
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

/// Addresses beside the matrices, on which cuBLASLt's choice depends as well.
static void setPointers(Description description, const GemmOperands &at) {
  const void *vector = at.bias ? at.bias : at.sums, *aux = at.aux;
  if (vector)
    set(description, matmulBias, vector, "cannot describe a bias");
  if (aux)
    set(description, matmulAux, aux, "cannot describe an activation");
}

/// What a choice depends on.
static std::string formOf(const GemmProblem &p, const BatchPlan &batches, const uint64_t (&alignment)[3]) {
  std::string name = std::string(nameOf(p.dtype)) + " " + nameOf(p.result);
  for (int64_t number : {int64_t(p.m), int64_t(p.n), int64_t(p.k), int64_t(p.transposeA), int64_t(p.transposeB),
                         int64_t(p.lda), int64_t(p.ldb), int64_t(p.ldc), batches.count, batches.strides.a,
                         batches.strides.b, batches.strides.c, int64_t(alignment[0]), int64_t(alignment[1]),
                         int64_t(alignment[2]), int64_t(epilogueOf(p)), int64_t(p.beta != 0)})
    name += " " + std::to_string(number);
  return name;
}

std::map<std::string, Choice>::iterator BlasLt::Implementation::choose(const GemmProblem &p, const Prepared &made,
                                                                       const uint64_t (&alignment)[3]) {
  std::string name = machine + ": " + formOf(p, made.batches, alignment);
  if (auto found = choices.find(name); found != choices.end())
    return found;
  constexpr int most = 8;
  OwnedPreference preference = makePreference(workspaceBytes, alignment);
  Heuristic found[most];
  int count = 0;
  check(library().heuristic(handle, made.description.get(), made.a.get(), made.b.get(), made.c.get(), made.c.get(),
                            preference.get(), most, found, &count),
        describe(p));
  Choice choice;
  choice.example = prepared.size();
  for (int i = 0; i < count; ++i)
    if (found[i].state == 0 && found[i].workspace <= workspaceBytes)
      choice.candidates.push_back(found[i].algorithm);
  if (choice.candidates.empty())
    throw Error(describe(p) + ": cuBLASLt has no algorithm for it");
  choice.algorithm = choice.candidates.front();
  std::optional<GemmAlgorithm> known = remembered ? remembered->find(name) : std::nullopt;
  Heuristic checked{};
  if (known &&
      library().checkAlgorithm(handle, made.description.get(), made.a.get(), made.b.get(), made.c.get(), made.c.get(),
                               &*known, &checked) == 0 &&
      checked.workspace <= workspaceBytes) {
    choice.algorithm = *known;
    choice.measured = true;
  }
  return choices.emplace(name, std::move(choice)).first;
}

size_t BlasLt::prepare(const GemmProblem &p, const GemmOperands &operands) {
  Prepared made;
  made.isDouble = p.dtype == DType::F64;
  made.hasEpilogue = p.hasEpilogue();
  made.width = byteSize(p.dtype);
  made.resultWidth = byteSize(p.result);
  made.batches = planBatches(p);
  made.operands = operands;
  made.alpha = p.alpha;
  made.beta = p.beta;
  made.alpha32 = static_cast<float>(p.alpha);
  made.beta32 = static_cast<float>(p.beta);
  Description description;
  check(library().describe(&description, made.isDouble ? compute64 : compute32, made.isDouble ? real64 : real32),
        describe(p));
  made.description.reset(description);
  if (p.transposeB)
    set(description, matmulTransA, transposed, describe(p));
  if (p.transposeA)
    set(description, matmulTransB, transposed, describe(p));
  if (made.hasEpilogue) {
    set(description, matmulEpilogue, epilogueOf(p), describe(p));
    if (p.aux)
      set(description, matmulAuxLeading, int64_t(p.n), describe(p));
    setPointers(description, operands);
  }
  const BatchPlan &batches = made.batches;
  int type = typeOf(p.dtype);
  made.a = layOut(type, p.transposeB ? p.k : p.n, p.transposeB ? p.n : p.k, p.ldb, batches.count, batches.strides.b);
  made.b = layOut(type, p.transposeA ? p.m : p.k, p.transposeA ? p.k : p.m, p.lda, batches.count, batches.strides.a);
  made.c = layOut(typeOf(p.result), p.n, p.m, p.ldc, batches.count, batches.strides.c);
  uint64_t alignment[3] = {alignmentOf(operands.a), alignmentOf(operands.b), alignmentOf(operands.c)};
  made.choice = impl->choose(p, made, alignment);
  impl->prepared.push_back(std::move(made));
  return impl->prepared.size() - 1;
}

void BlasLt::Implementation::run(const Prepared &p, const GemmOperands &operands, const GemmAlgorithm &algorithm) {
  const void *alpha = p.isDouble ? static_cast<const void *>(&p.alpha) : &p.alpha32;
  const void *beta = p.isDouble ? static_cast<const void *>(&p.beta) : &p.beta32;
  if (p.hasEpilogue)
    setPointers(p.description.get(), operands);
  auto at = [&](const void *base, int64_t offset, size_t width) {
    return static_cast<const char *>(base) + offset * static_cast<int64_t>(width);
  };
  for (const BatchPlan::Offsets &call : p.batches.calls) {
    void *result = const_cast<char *>(at(operands.c, call.c, p.resultWidth));
    check(library().matmul(handle, p.description.get(), alpha, at(operands.b, call.b, p.width), p.a.get(),
                           at(operands.a, call.a, p.width), p.b.get(), beta, result, p.c.get(), result, p.c.get(),
                           &algorithm, reinterpret_cast<void *>(workspace), workspaceBytes, stream),
          "matrix product");
  }
}

void BlasLt::run(size_t index, const GemmOperands &operands) {
  const Prepared &p = impl->prepared[index];
  impl->run(p, operands, p.choice->second.algorithm);
}

std::vector<double> BlasLt::Implementation::time(const Choice &choice) {
  const Prepared &example = prepared[choice.example];
  std::vector<double> seconds;
  for (const GemmAlgorithm &algorithm : choice.candidates)
    try {
      seconds.push_back(secondsOf(stream, [&] { run(example, example.operands, algorithm); }));
    } catch (const Error &) {
      // Proposed, but refused when it is asked for.
      seconds.push_back(std::numeric_limits<double>::infinity());
    }
  return seconds;
}

std::vector<double> BlasLt::timeCandidates(size_t prepared) {
  return impl->time(impl->prepared[prepared].choice->second);
}

size_t BlasLt::unmeasured() const {
  if (!impl->remembered)
    return 0;
  return static_cast<size_t>(std::count_if(impl->choices.begin(), impl->choices.end(), [](const auto &entry) {
    return !entry.second.measured && entry.second.candidates.size() > 1;
  }));
}

void BlasLt::measure(const std::function<void(size_t, size_t)> &progress) {
  size_t done = 0, all = unmeasured();
  for (auto &[name, choice] : impl->choices) {
    if (choice.measured || choice.candidates.size() < 2)
      continue;
    std::vector<double> seconds = impl->time(choice);
    auto best = static_cast<size_t>(std::min_element(seconds.begin(), seconds.end()) - seconds.begin());
    choice.algorithm = choice.candidates[best];
    choice.measured = true;
    impl->remembered->remember(name, choice.algorithm);
    if (progress)
      progress(++done, all);
  }
  impl->remembered->save();
}

} // namespace raddle::runtime::cuda

// The only source that includes cuDNN's frontend, which is headers alone and takes long to compile.
#include "CudnnAttention.h"

#include "SharedLibrary.h"

#include "raddle/Bundle/GpuAttention.h"

#include "raddle/runtime/Error.h"

#include <cudnn_frontend.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

// Where the frontend looks up cuDNN's functions, as it is built with NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING.
namespace cudnn_frontend {
void *cudnn_dlhandle = nullptr;
} // namespace cudnn_frontend

namespace raddle::runtime::cuda {

namespace {

namespace fe = cudnn_frontend;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

// From here on the frontend knows no limit on Hopper of what `attention::reasonAgainst` lets pass. Tested with 9.19.
constexpr size_t oldestVersion = 91100;

std::string versionText(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

/// Loads cuDNN and the CUDA runtime that it uses; gives cuDNN's version.
size_t loadCudnn() {
  static const size_t loaded = [] {
    const char *what = "the bundle has attention for a GPU, but cuDNN 9 cannot be loaded";
    static const SharedLibrary runtime({"libcudart.so.13", "libcudart.so.12"}, what);
    static const SharedLibrary cudnn({"libcudnn.so.9"}, what);
    fe::cudnn_dlhandle = cudnn.native();
    size_t version = fe::detail::get_backend_version();
    if (version < oldestVersion)
      throw Error("attention for a GPU needs cuDNN " + versionText(oldestVersion) + " or newer, found " +
                  versionText(version) + "; --gpu-attention=decompose does without");
    return version;
  }();
  return loaded;
}

std::string describe(const AttentionProblem &p) {
  auto [batch, keyHeads, repeat, queries, keys, width, valueWidth] = p.extents;
  std::string text = std::string("attention ") + (p.backward ? "backward" : "forward") + " of " + nameOf(p.dtype) +
                     ", batch " + std::to_string(batch) + ", " + std::to_string(keyHeads * repeat) + " heads over " +
                     std::to_string(keyHeads) + ", " + std::to_string(queries) + " queries, " + std::to_string(keys) +
                     " keys, widths " + std::to_string(width) + " and " + std::to_string(valueWidth);
  const char *hidden[] = {"", ", with a mask", ", with lengths"};
  return text + (p.causal ? ", causal" : "") + hidden[static_cast<size_t>(p.hiding)];
}

void check(fe::error_t error, const AttentionProblem &problem) {
  if (error.is_bad())
    throw Error(describe(problem) + ": cuDNN " + versionText(loadCudnn()) + ": " + error.get_message());
}

/// Throws Error for what the compiler would have decomposed.
void checkSupport(const AttentionProblem &problem) {
  bool has16Bits = problem.dtype == DType::F16 || problem.dtype == DType::BF16;
  attention::GpuCall call{problem.extents, has16Bits, problem.hiding, problem.hidingType != DType::Bool};
  if (problem.hasMask())
    call.maskStrides = problem.strides[attention::hidingPosition];
  if (const char *reason = attention::reasonAgainst(call))
    throw Error(describe(problem) + ": " + reason);
}

/// Of what `checkSupport` lets pass.
fe::DataType_t typeOf(DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return fe::DataType_t::BFLOAT16;
  case DType::F16:
    return fe::DataType_t::HALF;
  default:
    return fe::DataType_t::FLOAT;
  }
}

/// The operation as a graph of cuDNN. Tensors are named by their positions among the operands.
class GraphBuilder {
public:
  explicit GraphBuilder(const AttentionProblem &problem)
      : problem(problem), shapes(attention::shapesOf(problem.extents, problem.hiding, problem.backward)),
        graph(std::make_shared<fe::graph::Graph>()) {
    graph->set_io_data_type(typeOf(problem.dtype))
        .set_intermediate_data_type(fe::DataType_t::FLOAT)
        .set_compute_data_type(fe::DataType_t::FLOAT);
  }

  std::shared_ptr<fe::graph::Graph> build() {
    if (problem.backward)
      addBackward();
    else
      addForward();
    return graph;
  }

private:
  using Dims = std::vector<int64_t>;

  size_t position(attention::Operand operand) const { return attention::positionOf(operand, problem.hiding); }

  Dims dims(size_t index) const { return Dims(shapes[index].begin(), shapes[index].end()); }
  Dims strides(size_t index) const { return Dims(problem.strides[index].begin(), problem.strides[index].end()); }

  Tensor input(size_t index, fe::DataType_t type, const Dims &dims, const Dims &strides) {
    return graph->tensor(fe::graph::Tensor_attributes()
                             .set_uid(static_cast<int64_t>(index))
                             .set_dim(dims)
                             .set_stride(strides)
                             .set_data_type(type));
  }

  Tensor input(attention::Operand operand, DType type) {
    size_t index = position(operand);
    return input(index, typeOf(type), dims(index), strides(index));
  }
  Tensor vectors(attention::Operand operand) { return input(operand, problem.dtype); }

  void output(const Tensor &tensor, attention::Operand operand, DType type) {
    size_t index = position(operand);
    tensor->set_output(true)
        .set_uid(static_cast<int64_t>(index))
        .set_dim(dims(index))
        .set_stride(strides(index))
        .set_data_type(typeOf(type));
  }

  /// What all heads or batches share has one of them. Queries that share theirs keep a stride of zero: with one of
  /// them, gradients are wrong.
  Tensor mask() {
    Dims kept = dims(attention::hidingPosition), steps = strides(attention::hidingPosition);
    int64_t whole = std::max(steps[2], steps[3]) * kept[2] * kept[3];
    if (kept[3] == 1)
      steps[3] = 1;
    for (size_t dim : {0, 1})
      if (steps[dim] == 0) {
        kept[dim] = 1;
        steps[dim] = whole;
      }
    return input(attention::hidingPosition, typeOf(problem.hidingType), kept, steps);
  }

  template <typename Attributes> Attributes common() {
    Attributes attributes;
    attributes.set_attn_scale(problem.scale);
    if (problem.causal)
      attributes.set_diagonal_alignment(fe::DiagonalAlignment_t::TOP_LEFT).set_diagonal_band_right_bound(0);
    if (problem.hasMask())
      attributes.set_bias(mask());
    return attributes;
  }

  void addForward() {
    auto attributes = common<fe::graph::SDPA_attributes>().set_generate_stats(true);
    auto [out, logSumExp] =
        graph->sdpa(vectors(attention::Query), vectors(attention::Key), vectors(attention::Value), attributes);
    output(out, attention::Out, problem.dtype);
    output(logSumExp, attention::LogSumExp, DType::F32);
  }

  void addBackward() {
    auto attributes = common<fe::graph::SDPA_backward_attributes>().set_deterministic_algorithm(!problem.unordered);
    auto [query, key, value] = graph->sdpa_backward(
        vectors(attention::Query), vectors(attention::Key), vectors(attention::Value), vectors(attention::Out),
        vectors(attention::OutGrad), input(attention::LogSumExp, DType::F32), attributes);
    output(query, attention::QueryGrad, problem.dtype);
    output(key, attention::KeyGrad, problem.dtype);
    output(value, attention::ValueGrad, problem.dtype);
  }

  const AttentionProblem &problem;
  std::vector<attention::Shape> shapes;
  std::shared_ptr<fe::graph::Graph> graph;
};

std::shared_ptr<fe::graph::Graph> buildPlan(cudnnHandle_t handle, const AttentionProblem &problem) {
  try {
    std::shared_ptr<fe::graph::Graph> graph = GraphBuilder(problem).build();
    check(graph->build(handle, {fe::HeurMode_t::A}), problem);
    return graph;
  } catch (const Error &) {
    throw;
  } catch (const std::exception &error) {
    // The frontend throws where a library lacks a function.
    throw Error(describe(problem) + ": cuDNN " + versionText(loadCudnn()) + ": " + error.what());
  }
}

} // namespace

struct CudnnAttention::Implementation {
  struct Prepared {
    AttentionProblem problem;
    std::shared_ptr<fe::graph::Graph> graph;
  };
  cudnnHandle_t handle = nullptr;
  Address workspace = 0;
  uint64_t workspaceBytes = 0;
  std::vector<Prepared> prepared;
};

CudnnAttention::CudnnAttention(Stream stream) : impl(std::make_unique<Implementation>()) {
  size_t version = loadCudnn();
  auto check = [&](cudnnStatus_t status) {
    if (status != CUDNN_STATUS_SUCCESS)
      throw Error("cannot start cuDNN " + versionText(version) + ": " + fe::detail::get_error_string(status));
  };
  check(fe::detail::create_handle(&impl->handle));
  check(fe::detail::set_stream(impl->handle, reinterpret_cast<cudaStream_t>(stream)));
}

CudnnAttention::~CudnnAttention() {
  impl->prepared.clear();
  driver().memFree(impl->workspace);
  fe::detail::destroy_handle(impl->handle);
}

size_t CudnnAttention::prepare(const AttentionProblem &problem) {
  checkSupport(problem);
  // Layers of a model ask for the same.
  for (const Implementation::Prepared &before : impl->prepared)
    if (before.problem == problem) {
      impl->prepared.push_back(before);
      return impl->prepared.size() - 1;
    }
  std::shared_ptr<fe::graph::Graph> graph = buildPlan(impl->handle, problem);
  int64_t bytes = 0;
  check(graph->get_workspace_size(bytes), problem);
  // No call that is under way uses it: all are prepared before the first one.
  if (static_cast<uint64_t>(bytes) > impl->workspaceBytes) {
    driver().memFree(impl->workspace);
    impl->workspace = 0;
    driver().check(driver().memAlloc(&impl->workspace, static_cast<size_t>(bytes)),
                   "cannot allocate " + std::to_string(bytes) + " bytes of scratch memory for " + describe(problem));
    impl->workspaceBytes = static_cast<uint64_t>(bytes);
  }
  impl->prepared.push_back({problem, std::move(graph)});
  return impl->prepared.size() - 1;
}

void CudnnAttention::run(size_t index, void *const *operands) {
  const Implementation::Prepared &call = impl->prepared[index];
  std::unordered_map<int64_t, void *> places;
  for (size_t i = 0; i < call.problem.strides.size(); ++i)
    places[static_cast<int64_t>(i)] = operands[i];
  check(call.graph->execute(impl->handle, places, reinterpret_cast<void *>(impl->workspace)), call.problem);
}

uint64_t CudnnAttention::workspaceBytes() const { return impl->workspaceBytes; }

} // namespace raddle::runtime::cuda

// The Python module _raddle: a session of the runtime. The package raddle is its only user and checks arguments' types.

#include "raddle/Report/Report.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Session.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <thread>

namespace nb = nanobind;
using namespace raddle::runtime;

namespace {

using InputArray = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using TorchTensor = nb::ndarray<nb::pytorch>;

// Element types that DLPack can describe.
constexpr std::pair<DType, nb::dlpack::dtype> dtypes[] = {
    {DType::F32, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 32, 1}},
    {DType::F64, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 64, 1}},
    {DType::F16, {static_cast<uint8_t>(nb::dlpack::dtype_code::Float), 16, 1}},
    {DType::BF16, {static_cast<uint8_t>(nb::dlpack::dtype_code::Bfloat), 16, 1}},
    {DType::I64, {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 64, 1}},
    {DType::I32, {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 32, 1}},
    {DType::I16, {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 16, 1}},
    {DType::I8, {static_cast<uint8_t>(nb::dlpack::dtype_code::Int), 8, 1}},
    {DType::U8, {static_cast<uint8_t>(nb::dlpack::dtype_code::UInt), 8, 1}},
    {DType::Bool, {static_cast<uint8_t>(nb::dlpack::dtype_code::Bool), 8, 1}},
};

HostArray viewOf(const InputArray &array, const std::string &what) {
  HostArray view{array.data(), DType::F32, {}};
  for (size_t i = 0; i < array.ndim(); ++i)
    view.shape.push_back(array.shape(i));
  for (const auto &[dtype, description] : dtypes)
    if (array.dtype() == description) {
      view.dtype = dtype;
      return view;
    }
  throw InvalidArgument(what + ": its element type is not supported");
}

// A new tensor; `memory`, which it shares, is where its elements lie.
TorchTensor makeTensor(DType dtype, const std::vector<uint64_t> &shape, std::shared_ptr<AlignedBuffer> &memory) {
  uint64_t bytes = byteSize(dtype);
  for (uint64_t extent : shape)
    bytes *= extent;
  memory = std::make_shared<AlignedBuffer>();
  if (!memory->allocate(bytes))
    throw Error("cannot allocate " + std::to_string(bytes) + " bytes for a result");
  using Share = std::shared_ptr<AlignedBuffer>;
  auto share = std::make_unique<Share>(memory);
  nb::capsule owner(share.get(), [](void *pointer) noexcept { delete static_cast<Share *>(pointer); });
  share.release();
  nb::dlpack::dtype description{};
  for (const auto &[known, found] : dtypes)
    if (known == dtype)
      description = found;
  std::vector<size_t> extents(shape.begin(), shape.end());
  return TorchTensor(memory->data(), extents.size(), extents.data(), owner, nullptr, description,
                     nb::device::cpu::value, 0);
}

using Results = std::vector<TorchTensor>;

// The call's number, and tensors whose elements are there when that call has been finished.
std::pair<uint64_t, Results> start(Session &session, const std::string &name, const std::vector<InputArray> &inputs,
                                   std::optional<float> learningRate) {
  size_t entry = session.findEntry(name);
  std::vector<HostArray> views;
  for (size_t i = 0; i < inputs.size(); ++i)
    views.push_back(viewOf(inputs[i], "input " + std::to_string(i)));
  size_t variant = session.selectVariant(entry, views);
  Results results;
  std::vector<void *> pointers;
  // The session writes them, even where nobody waits for the tensors.
  auto memory = std::make_shared<std::vector<std::shared_ptr<AlignedBuffer>>>();
  for (const ArrayInfo &output : session.entries()[entry].variants[variant].outputs) {
    memory->emplace_back();
    results.push_back(makeTensor(output.dtype, output.shape, memory->back()));
    pointers.push_back(memory->back()->data());
  }
  nb::gil_scoped_release released;
  return {session.start(entry, variant, views, pointers, learningRate, memory), std::move(results)};
}

// Floating-point parameters are handed over as f32, others as they are.
DType handedOver(DType dtype) { return isFloat(dtype) ? DType::F32 : dtype; }

TorchTensor readParameter(Session &session, const std::string &name) {
  size_t index = session.findParameter(name);
  const ParameterInfo &info = session.parameters()[index];
  std::shared_ptr<AlignedBuffer> memory;
  TorchTensor tensor = makeTensor(handedOver(info.dtype), info.shape, memory);
  nb::gil_scoped_release released;
  session.readParameter(index, memory->data(), handedOver(info.dtype));
  return tensor;
}

void writeParameter(Session &session, const std::string &name, const InputArray &array) {
  size_t index = session.findParameter(name);
  const ParameterInfo &info = session.parameters()[index];
  HostArray view = viewOf(array, "parameter '" + name + "'");
  if (view.shape != info.shape)
    throw InvalidArgument("parameter '" + name + "': expected shape " + formatShape(info.shape) + ", found " +
                          formatShape(view.shape));
  nb::gil_scoped_release released;
  session.writeParameter(index, view.data, view.dtype);
}

nb::dict describeArray(const ArrayInfo &array) {
  nb::dict result;
  result["name"] = array.name;
  result["dtype"] = nameOf(array.dtype);
  result["shape"] = nb::tuple(nb::cast(array.shape));
  result["batched"] = array.batched;
  result["is_complex"] = array.isComplex;
  return result;
}

nb::dict describeEntries(const Session &session) {
  nb::dict result;
  for (const EntryInfo &entry : session.entries()) {
    nb::list variants;
    for (const VariantInfo &variant : entry.variants) {
      nb::list inputs, outputs;
      for (const ArrayInfo &input : variant.inputs)
        inputs.append(describeArray(input));
      for (const ArrayInfo &output : variant.outputs)
        outputs.append(describeArray(output));
      nb::dict description;
      description["inputs"] = inputs;
      description["outputs"] = outputs;
      variants.append(description);
    }
    result[entry.name.c_str()] = variants;
  }
  return result;
}

nb::list describeParameters(const Session &session) {
  nb::list result;
  for (const ParameterInfo &info : session.parameters()) {
    nb::dict parameter;
    parameter["name"] = info.name;
    parameter["aliases"] = info.aliases;
    parameter["is_buffer"] = info.isBuffer;
    parameter["trainable"] = info.trainable;
    parameter["transient"] = info.isTransient;
    parameter["dtype"] = nameOf(handedOver(info.dtype));
    parameter["shape"] = nb::tuple(nb::cast(info.shape));
    parameter["is_complex"] = info.isComplex;
    result.append(parameter);
  }
  return result;
}

nb::list describeGraphs(const std::vector<GraphCensus> &graphs) {
  nb::list result;
  for (const GraphCensus &graph : graphs) {
    nb::dict counts;
    counts["entry"] = graph.entry;
    counts["nodes"] = graph.nodes();
    for (const GraphCount &each : graphCounts)
      counts[each.key] = graph.*each.count;
    result.append(counts);
  }
  return result;
}

nb::dict describeStatistics(const Session &session) {
  Statistics statistics = session.statistics();
  nb::dict result;
  result["state_bytes"] = statistics.stateBytes;
  result["arena_bytes"] = statistics.arenaBytes;
  result["workspace_bytes"] = statistics.workspaceBytes;
  result["planned_bytes"] = statistics.plannedBytes;
  result["bytes_communicated"] = statistics.bytesCommunicated;
  result["bytes_copied"] = statistics.bytesCopied;
  result["runs"] = statistics.runs;
  result["peak_resident_bytes"] = statistics.peakResidentBytes;
  result["launch_seconds"] = statistics.device.seconds();
  for (const DevicePhase &phase : devicePhases)
    result[phase.key] = statistics.device.*phase.seconds;
  result["graphs"] = describeGraphs(statistics.graphs);
  result["graph_launches"] = statistics.device.graphLaunches;
  result["single_instructions"] = statistics.device.singleInstructions;
  result["device_allocations"] = statistics.device.allocations;
  result["synchronisations"] = statistics.device.synchronisations;
  result["resident_growth_bytes"] = statistics.residentGrowthBytes;
  result["blas"] = statistics.blas;
  return result;
}

void writeReport(const Session &session, const std::string &path) {
  if (std::optional<std::string> problem = raddle::writeReport(session.bundle(), path, session.measurements()))
    throw Error(*problem);
}

nb::dict describeLimits(unsigned threads, bool again) {
  MachineLimits limits = machineLimits(threads ? threads : std::thread::hardware_concurrency(), again);
  nb::dict result;
  result["threads"] = limits.threads;
  result["memory_bytes_per_second"] = limits.memoryBytesPerSecond;
  result["gemm_flops_per_second"] = limits.gemmFlopsPerSecond;
  return result;
}

} // namespace

NB_MODULE(_raddle, module) {
  module.doc() = "A session of Raddle's runtime; use the package raddle.";
  // Other errors of the runtime become RuntimeError, as all of std::runtime_error.
  nb::register_exception_translator([](const std::exception_ptr &pointer, void *) {
    try {
      std::rethrow_exception(pointer);
    } catch (const InvalidArgument &invalid) {
      PyErr_SetString(PyExc_ValueError, invalid.what());
    }
  });
  nb::class_<Session>(module, "Session")
      .def(
          "__init__",
          [](Session *self, const std::string &path, const std::string &weights, unsigned threads,
             std::optional<uint64_t> seed, bool trace) {
            SessionOptions options;
            options.weights = weights;
            options.threads = threads;
            options.seed = seed;
            options.trace = trace;
            nb::gil_scoped_release released;
            new (self) Session(path, options);
          },
          nb::arg("path"), nb::arg("weights") = "", nb::arg("threads") = 0, nb::arg("seed") = nb::none(),
          nb::arg("trace") = false, "Loads a bundle and its weights; every rank is a thread.")
      .def("start", &start, nb::arg("entry"), nb::arg("inputs"), nb::arg("lr") = nb::none(),
           "Starts an entry point on whole batches; returns the call's number and its outputs as torch tensors, whose "
           "elements are there when the call has been finished.")
      .def(
          "finish",
          [](Session &session, uint64_t call) {
            nb::gil_scoped_release released;
            session.finish(call);
          },
          nb::arg("call"), "Waits for a call that was started, and all before it.")
      .def("read_parameter", &readParameter, nb::arg("name"), "The whole parameter of a name or alias.")
      .def("write_parameter", &writeParameter, nb::arg("name"), nb::arg("array"))
      .def("entries", &describeEntries)
      .def("parameters", &describeParameters)
      .def("statistics", &describeStatistics)
      .def("write_report", &writeReport, nb::arg("path"))
      .def("write_trace", &Session::writeTrace, nb::arg("path"))
      .def_prop_ro("ranks", &Session::ranks);
  module.def("machine_limits", &describeLimits, nb::arg("threads"), nb::arg("again"));
}

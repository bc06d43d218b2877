// raddle-check-attention: compares attention of this machine's GPU with the CPU's runtime, forward and backward, over
// masks, layouts and sizes, and times two. Prints a line a case; exits with 1 after a difference.
#include "cuda/Gpu.h"

#include "raddle/runtime/Convert.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <random>
#include <string>
#include <thread>

using namespace raddle;
using namespace raddle::runtime;

namespace {

/// What a mask has a number for; the rest repeats. The last one hides all keys of some queries.
enum class Mask { None, Keys, Heads, All, EmptyRows };

struct Case {
  const char *name;
  attention::Extents extents;
  bool causal = false;
  Mask mask = Mask::None;
  DType maskType = DType::BF16;
  bool isTokenMajor = false; // [batch, position, head, element]
  bool unordered = false;
  DType dtype = DType::BF16;
};

const Case cases[] = {
    {"width 32", {2, 3, 1, 128, 128, 32, 32}},
    {"width 64, causal", {2, 3, 1, 128, 128, 64, 64}, true},
    {"width 80, causal", {2, 3, 1, 128, 128, 80, 80}, true},
    {"width 128", {2, 3, 1, 128, 128, 128, 128}},
    {"width 256, causal", {1, 2, 1, 100, 100, 256, 256}, true},
    {"width 8", {2, 2, 1, 100, 100, 8, 8}},
    {"widths 192 and 128", {1, 2, 1, 100, 100, 192, 128}, true},
    {"f16, causal", {2, 3, 1, 128, 128, 64, 64}, true, Mask::None, DType::F16, false, false, DType::F16},
    {"f16 with hidden keys", {2, 3, 1, 65, 65, 64, 64}, false, Mask::Keys, DType::F16, true, false, DType::F16},
    {"token-major, causal", {2, 3, 1, 128, 128, 64, 64}, true, Mask::None, DType::BF16, true},
    {"4 queries a key head", {2, 2, 4, 128, 128, 64, 64}, true, Mask::None, DType::BF16, true},
    {"8 queries a key head, unordered", {1, 1, 8, 192, 192, 128, 128}, false, Mask::None, DType::BF16, true, true},
    {"77 positions, causal", {2, 3, 1, 77, 77, 64, 64}, true, Mask::None, DType::BF16, true},
    {"50 queries, 133 keys", {2, 3, 1, 50, 133, 64, 64}},
    {"133 queries, 50 keys, causal", {2, 3, 1, 133, 50, 64, 64}, true},
    {"one query", {2, 3, 1, 1, 100, 64, 64}},
    {"5 positions, causal", {2, 3, 1, 5, 5, 64, 64}, true},
    {"hidden keys", {3, 2, 1, 50, 77, 64, 64}, false, Mask::Keys, DType::BF16, true},
    {"hidden keys in f32, causal", {3, 2, 2, 77, 77, 128, 128}, true, Mask::Keys, DType::F32, true},
    {"hidden keys, unordered", {3, 2, 1, 300, 300, 32, 32}, false, Mask::Keys, DType::BF16, true, true},
    {"mask of heads in f32, causal", {2, 2, 3, 77, 77, 64, 64}, true, Mask::Heads, DType::F32, true},
    {"mask of all in f32", {2, 3, 1, 96, 64, 64, 64}, false, Mask::All, DType::F32},
    {"queries that see nothing", {2, 3, 1, 64, 64, 64, 64}, false, Mask::EmptyRows},
    {"2048 positions, causal", {1, 2, 1, 2048, 2048, 64, 64}, true, Mask::None, DType::BF16, true},
};

/// All operands of the gradient, of which forward has the first ones, as they are stored.
class Operands {
public:
  explicit Operands(const Case &c) : c(c), shapes(attention::shapesOf(c.extents, hasMask(), true)) {
    for (size_t i = 0; i < shapes.size(); ++i) {
      strides.push_back(isMask(i) ? maskStrides() : vectorStrides(shapes[i]));
      bytes.emplace_back(elementsOf(i) * byteSize(typeOf(i)));
    }
    std::mt19937 generator(1);
    for (size_t i = 0; i < shapes.size(); ++i)
      if (i < position(attention::Out) || i == position(attention::OutGrad))
        fill(i, generator);
  }

  bool hasMask() const { return c.mask != Mask::None; }
  bool isMask(size_t i) const { return hasMask() && i == attention::maskPosition; }
  size_t position(attention::Operand operand) const { return attention::positionOf(operand, hasMask()); }
  DType typeOf(size_t i) const {
    return i == position(attention::LogSumExp) ? DType::F32 : isMask(i) ? c.maskType : c.dtype;
  }

  AttentionProblem problem(bool backward) const {
    AttentionProblem p;
    p.extents = c.extents;
    p.scale = 1.0f / std::sqrt(static_cast<float>(c.extents[attention::Width]));
    p.causal = c.causal;
    p.hasMask = hasMask();
    p.maskType = c.maskType;
    p.dtype = c.dtype;
    p.backward = backward;
    p.unordered = c.unordered && backward;
    size_t count = attention::shapesOf(c.extents, p.hasMask, backward).size();
    p.strides.assign(strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(count));
    return p;
  }

  std::vector<float> values(size_t i) const {
    std::vector<float> wide(elementsOf(i));
    convertElements(bytes[i].data(), typeOf(i), wide.data(), DType::F32, wide.size());
    return wide;
  }

  std::vector<std::vector<uint8_t>> bytes;

private:
  size_t elementsOf(size_t i) const {
    size_t count = 1;
    for (size_t dim = 0; dim < 4; ++dim)
      count *= strides[i][dim] == 0 ? 1 : static_cast<size_t>(shapes[i][dim]);
    return count;
  }

  attention::Shape vectorStrides(const attention::Shape &shape) const {
    auto [batch, heads, positions, width] = shape;
    if (c.isTokenMajor && width > 1)
      return {positions * heads * width, width, heads * width, 1};
    return {heads * positions * width, positions * width, width, 1};
  }

  attention::Shape maskStrides() const {
    int64_t keys = c.extents[attention::Keys], queries = c.extents[attention::Queries];
    int64_t heads = c.extents[attention::KeyHeads] * c.extents[attention::Repeat];
    switch (c.mask) {
    case Mask::Keys:
      return {keys, 0, 0, 1};
    case Mask::Heads:
      return {0, queries * keys, keys, 1};
    case Mask::EmptyRows:
      return {queries * keys, 0, keys, 1};
    default:
      return {heads * queries * keys, queries * keys, keys, 1};
    }
  }

  void fill(size_t i, std::mt19937 &generator) {
    std::normal_distribution<float> normal;
    std::vector<float> wide(elementsOf(i));
    size_t keys = static_cast<size_t>(c.extents[attention::Keys]);
    for (size_t e = 0; e < wide.size(); ++e) {
      bool isHidden = c.mask == Mask::Keys ? e % keys > keys / 2 + e / keys * 7 : e / keys % 7 == 3 || e % 3 == 0;
      wide[e] = normal(generator);
      if (isMask(i) && (c.mask == Mask::Keys || c.mask == Mask::EmptyRows))
        wide[e] = isHidden ? -std::numeric_limits<float>::infinity() : 0.0f;
    }
    convertElements(wide.data(), DType::F32, bytes[i].data(), typeOf(i), wide.size());
  }

  const Case &c;
  std::vector<attention::Shape> shapes, strides;
};

/// Copies operands to the GPU, computes there, and copies results back.
class Device {
public:
  Device() : gpu(openCudaGpu(0)) { gpu->enter(); }

  void compute(Operands &operands) {
    std::vector<void *> places = upload(operands);
    for (bool backward : {false, true})
      gpu->attention(gpu->prepareAttention(operands.problem(backward)), places.data());
    for (size_t i = operands.position(attention::Out); i < places.size(); ++i)
      move(operands.bytes[i].data(), places[i], operands.bytes[i].size(), false);
  }

  /// Microseconds of one call in a graph of several.
  double time(Operands &operands, bool backward) {
    constexpr int calls = 10, tries = 5;
    std::vector<void *> places = upload(operands);
    size_t prepared = gpu->prepareAttention(operands.problem(backward));
    gpu->attention(prepared, places.data());
    gpu->synchronize();
    gpu->beginGraph();
    for (int i = 0; i < calls; ++i)
      gpu->attention(prepared, places.data());
    size_t graph = gpu->endGraph();
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < tries; ++i) {
      auto begin = std::chrono::steady_clock::now();
      gpu->launchGraph(graph);
      gpu->synchronize();
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / calls);
    }
    gpu->dropGraphs();
    return best * 1e6;
  }

  uint64_t workspaceBytes() const { return gpu->workspaceBytes(); }
  std::string name() const { return gpu->name(); }

private:
  std::vector<void *> upload(Operands &operands) {
    std::vector<void *> places;
    for (std::vector<uint8_t> &bytes : operands.bytes) {
      places.push_back(gpu->allocate(bytes.size()));
      move(places.back(), bytes.data(), bytes.size(), true);
    }
    return places;
  }

  void move(void *dst, void *src, size_t bytes, bool toDevice) {
    uint8_t *staging = gpu->allocateHost(bytes);
    if (toDevice)
      std::memcpy(staging, src, bytes);
    gpu->copy(toDevice ? dst : staging, toDevice ? staging : src, bytes);
    gpu->synchronize();
    if (!toDevice)
      std::memcpy(dst, staging, bytes);
  }

  std::unique_ptr<Gpu> gpu;
};

void computeOnHost(Operands &operands, ThreadPool &pool) {
  std::vector<void *> places;
  for (std::vector<uint8_t> &bytes : operands.bytes)
    places.push_back(bytes.data());
  for (bool backward : {false, true}) {
    AttentionProblem problem = operands.problem(backward);
    std::vector<float> scratch(attentionScratchBytes(problem) / sizeof(float));
    runAttention(problem, places.data(), pool, scratch.data());
  }
}

/// The largest difference, as a part of the largest number. A log-sum-exp of nothing may have either sign.
double difference(const std::vector<float> &found, const std::vector<float> &expected) {
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(found[i]) && std::isinf(expected[i]))
      continue;
    if (!std::isfinite(found[i]) || !std::isfinite(expected[i]))
      return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(double(found[i]) - expected[i]));
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return worst / largest;
}

bool check(const Case &c, Device &device, ThreadPool &pool) {
  // Weights are rounded to 16 bits between the two products.
  const double limit = c.dtype == DType::BF16 ? 1e-2 : 2e-3, limitOfLogarithms = 1e-5;
  Operands found(c), expected(c);
  computeOnHost(expected, pool);
  device.compute(found);
  double worst = 0;
  bool good = true;
  for (size_t i = found.position(attention::Out); i < found.bytes.size(); ++i) {
    bool isLogarithm = i == found.position(attention::LogSumExp);
    double apart = difference(found.values(i), expected.values(i));
    good = good && apart <= (isLogarithm ? limitOfLogarithms : limit);
    worst = isLogarithm ? worst : std::max(worst, apart);
  }
  Operands again(c);
  device.compute(again);
  bool isSame = c.unordered || again.bytes == found.bytes;
  std::printf("%s attention, %s: largest difference %.1e%s\n", good && isSame ? "pass" : "FAIL", c.name, worst,
              isSame ? "" : ", and another one in a second run");
  return good && isSame;
}

/// With scratch memory of its own, so that each size is known.
void timeCalls(int64_t positions) {
  Device device;
  Case c{"timed", {4, 16, 1, positions, positions, 128, 128}, true, Mask::None, DType::BF16, true};
  Operands operands(c);
  double forward = device.time(operands, false);
  c.unordered = true;
  double unordered = device.time(operands, true);
  uint64_t scratch = device.workspaceBytes();
  c.unordered = false;
  double backward = device.time(operands, true);
  double work = 2.0 * 4 * 16 * double(positions) * double(positions) * 128;
  std::printf("     batch 4, 16 heads of 128, %lld positions, causal: forward %.0f us (%.0f TFLOP/s), backward %.0f us "
              "(%.0f TFLOP/s), unordered %.0f us; scratch memory %.0f MB, unordered %.0f MB\n",
              static_cast<long long>(positions), forward, work / forward / 1e6, backward, 2.5 * work / backward / 1e6,
              unordered, double(device.workspaceBytes()) / 1e6, double(scratch) / 1e6);
}

} // namespace

int main() {
  try {
    Device device;
    ThreadPool pool(std::max(1u, std::thread::hardware_concurrency()));
    bool good = true;
    for (const Case &c : cases)
      good = check(c, device, pool) && good;
    for (int64_t positions : {1024, 4096})
      timeCalls(positions);
    return good ? 0 : 1;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "raddle-check-attention: error: %s\n", error.what());
    return 1;
  }
}

#include "raddle/runtime/Weights.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"
#include "raddle/runtime/Random.h"

#include <algorithm>
#include <cstring>

namespace raddle::runtime {

static bool hasEntry(const bundle::Parameter &parameter) {
  const flatbuffers::String *entry = parameter.source()->entry();
  return entry && entry->size() != 0;
}

template <typename Visit> static void forEachParameter(const bundle::Bundle &bundle, Visit &&visit) {
  for (uint32_t i = 0; bundle.parameters() && i < bundle.parameters()->size(); ++i)
    visit(*bundle.parameters()->Get(i), i);
}

// Elements of the source from its first to the last that the parameter uses.
static uint64_t sourceExtent(const bundle::Parameter &parameter) {
  uint64_t last = 0;
  for (size_t i = 0; parameter.shape() && i < parameter.shape()->size(); ++i) {
    if (parameter.shape()->Get(i) == 0)
      return 0;
    last += (parameter.shape()->Get(i) - 1) * parameter.source()->strides()->Get(i);
  }
  return last + 1;
}

static bool isContiguous(const bundle::Parameter &parameter) {
  uint64_t expected = 1;
  for (size_t i = parameter.shape() ? parameter.shape()->size() : 0; i-- > 0;) {
    if (parameter.shape()->Get(i) != 1 && parameter.source()->strides()->Get(i) != expected)
      return false;
    expected *= parameter.shape()->Get(i);
  }
  return true;
}

std::string findWeights(const bundle::Bundle &bundle, const std::string &bundlePath, const std::string &chosen) {
  std::string needs;
  forEachParameter(bundle, [&](const bundle::Parameter &parameter, uint32_t) {
    if (needs.empty() && hasEntry(parameter))
      needs = parameter.name()->str();
  });
  if (needs.empty() || !chosen.empty())
    return needs.empty() ? std::string() : chosen;
  std::string path = bundle.weights() ? bundle.weights()->str() : std::string();
  if (path.empty())
    throw Error("parameter '" + needs + "' is read from a file of weights, but the bundle names none");
  size_t slash = bundlePath.rfind('/');
  return path[0] == '/' || slash == std::string::npos ? path : bundlePath.substr(0, slash + 1) + path;
}

void checkWeights(const bundle::Bundle &bundle, WeightArchive &archive, const std::string &path) {
  std::string problems;
  forEachParameter(bundle, [&](const bundle::Parameter &parameter, uint32_t) {
    if (!hasEntry(parameter))
      return;
    const bundle::WeightSource &source = *parameter.source();
    std::string entry = source.entry()->str();
    std::string line = "\n  parameter '" + parameter.name()->str() + "', entry '" + entry + "': ";
    std::optional<uint64_t> size = archive.sizeOf(entry);
    if (!size) {
      problems += line + "missing";
      return;
    }
    std::optional<DType> dtype = archive.dtypeOf(entry);
    if (dtype && *dtype != source.dtype())
      problems += line + "expected " + nameOf(source.dtype()) + ", found " + nameOf(*dtype);
    // The verifier bounds both numbers, so neither the sum nor the product wraps around.
    uint64_t extent = sourceExtent(parameter);
    uint64_t needed = extent == 0 ? 0 : (source.offset() + extent) * byteSize(source.dtype());
    if (needed > *size)
      problems += line + "expected at least " + std::to_string(needed) + " bytes, found " + std::to_string(*size);
  });
  if (!problems.empty())
    throw Error("weights '" + path + "' do not fit the bundle:" + problems);
}

namespace {

// Fills one rank's part of one parameter.
class PartLoader {
public:
  PartLoader(const bundle::Parameter &parameter, uint32_t index, const ParameterPart &part, uint8_t *dst,
             ThreadPool &pool)
      : parameter(parameter), index(index), part(part), dst(dst), width(byteSize(parameter.dtype())), pool(pool) {}

  void copy(const bundle::Constant &constant) {
    std::memcpy(dst, constant.data()->data() + part.first * width, part.count * width);
  }

  void initialise(uint64_t seed) {
    std::string init = parameter.source()->init()->str();
    if (init == "ones") {
      fillOnes();
    } else if (init == "zeros") {
      std::memset(dst, 0, part.count * width);
    } else {
      drawNormal(seed, parameter.source()->init_scale());
    }
  }

  void read(WeightArchive &archive) {
    const bundle::WeightSource &source = *parameter.source();
    std::string entry = source.entry()->str();
    uint64_t sourceWidth = byteSize(source.dtype());
    if (!isContiguous(parameter)) {
      readStrided(archive, entry, sourceWidth);
      return;
    }
    // In pieces, so that a conversion needs little memory.
    constexpr uint64_t piece = 1 << 18;
    bool direct = source.dtype() == parameter.dtype();
    std::vector<uint8_t> staging(direct ? 0 : piece * sourceWidth);
    for (uint64_t at = 0; at < part.count; at += piece) {
      uint64_t count = std::min(piece, part.count - at);
      uint8_t *to = dst + at * width;
      archive.read(entry, (source.offset() + part.first + at) * sourceWidth, direct ? to : staging.data(),
                   count * sourceWidth);
      if (!direct)
        convertElements(staging.data(), source.dtype(), to, parameter.dtype(), count);
    }
  }

private:
  const bundle::Parameter &parameter;
  uint32_t index;
  ParameterPart part;
  uint8_t *dst;
  size_t width;
  ThreadPool &pool;

  void drawNormal(uint64_t seed, double scale) {
    // Enough work to be worth waking a thread for.
    constexpr int64_t grain = 1 << 14;
    pool.parallelFor(static_cast<int64_t>(part.count), grain, [&](int64_t begin, int64_t end) {
      for (uint64_t i = static_cast<uint64_t>(begin); i < static_cast<uint64_t>(end); ++i) {
        double value = scale * randomNormal(seed, index, part.first + i);
        convertElements(&value, DType::F64, dst + i * width, parameter.dtype(), 1);
      }
    });
  }

  void fillOnes() {
    for (uint64_t i = 0; i < part.count; ++i) {
      double one = 1;
      uint8_t *to = dst + i * width;
      if (convertElements(&one, DType::F64, to, parameter.dtype(), 1))
        continue;
      std::memset(to, 0, width);
      *to = 1;
    }
  }

  // Elements that are not in order: reads the tensor's whole extent and picks.
  void readStrided(WeightArchive &archive, const std::string &entry, uint64_t sourceWidth) {
    const bundle::WeightSource &source = *parameter.source();
    std::vector<uint8_t> whole(sourceExtent(parameter) * sourceWidth);
    archive.read(entry, source.offset() * sourceWidth, whole.data(), whole.size());
    for (uint64_t i = 0; i < part.count; ++i) {
      uint64_t rest = part.first + i, position = 0;
      for (size_t d = parameter.shape()->size(); d-- > 0;) {
        position += rest % parameter.shape()->Get(d) * source.strides()->Get(d);
        rest /= parameter.shape()->Get(d);
      }
      convertElements(whole.data() + position * sourceWidth, source.dtype(), dst + i * width, parameter.dtype(), 1);
    }
  }
};

} // namespace

void loadParameters(const bundle::Bundle &bundle, uint32_t rank, uint64_t seed, WeightArchive *archive,
                    ThreadPool &pool, const PlacePart &place) {
  forEachParameter(bundle, [&](const bundle::Parameter &parameter, uint32_t index) {
    ParameterPart part = partOf(bundle, parameter, rank);
    if (part.count == 0)
      return;
    place(part, part.count * byteSize(parameter.dtype()), [&](uint8_t *memory) {
      PartLoader loader(parameter, index, part, memory, pool);
      if (hasEntry(parameter))
        loader.read(*archive);
      else if (parameter.source()->constant() != -1)
        loader.copy(*bundle.constants()->Get(parameter.source()->constant()));
      else
        loader.initialise(seed);
    });
  });
}

} // namespace raddle::runtime

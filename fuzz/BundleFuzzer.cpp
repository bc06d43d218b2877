// A FlatBuffer that the verifier accepts can be printed, loaded and executed without a further check; any other is an
// error that says what is wrong. Machine code is not executed: a bundle with code is verified and printed only.
#include "MemoryFile.h"

#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Session.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <random>
#include <vector>

using namespace raddle;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

// What a run may cost: verified bundles are allowed to be larger than a fuzzer's patience.
static constexpr uint64_t maxBytes = 1 << 22, maxMultiplications = 1 << 20, maxRanks = 4;

static std::vector<uint8_t> withPreamble(const uint8_t *data, size_t size) {
  std::vector<uint8_t> file(runtime::preambleBytes + size);
  uint64_t words[] = {size, XXH3_64bits(data, size), 0};
  std::memcpy(file.data(), "RADDLE\0\1", 8);
  std::memcpy(file.data() + 8, words, sizeof(words));
  if (size)
    std::memcpy(file.data() + runtime::preambleBytes, data, size);
  return file;
}

// Whether loading and running takes little memory and time.
static bool isSmall(const bundle::Bundle &bundle) {
  uint64_t bytes = 0, products = 0;
  auto add = [](uint64_t &sum, uint64_t value) {
    if (__builtin_add_overflow(sum, value, &sum))
      sum = UINT64_MAX;
  };
  auto product = [](uint64_t value, const flatbuffers::Vector<uint64_t> *extents) {
    for (size_t i = 0; extents && i < extents->size(); ++i)
      if (__builtin_mul_overflow(value, extents->Get(i), &value))
        return UINT64_MAX;
    return value;
  };
  for (size_t i = 0; bundle.states() && i < bundle.states()->size(); ++i)
    add(bytes, product(bundle.states()->Get(i)->elements(), nullptr));
  for (const bundle::EntryPoint *entry : *bundle.entries())
    for (const bundle::Variant *variant : *entry->variants()) {
      add(bytes, variant->arena_bytes());
      for (size_t i = 0; variant->inputs() && i < variant->inputs()->size(); ++i)
        add(bytes, product(8, variant->inputs()->Get(i)->shape()));
      for (size_t i = 0; variant->outputs() && i < variant->outputs()->size(); ++i)
        add(bytes, product(8, variant->outputs()->Get(i)->shape()));
      for (size_t i = 0; variant->instructions() && i < variant->instructions()->size(); ++i)
        if (const bundle::Gemm *gemm = variant->instructions()->Get(i)->action_as_Gemm()) {
          uint64_t each = 1;
          for (uint64_t extent : {gemm->m(), gemm->n(), gemm->k()})
            if (__builtin_mul_overflow(each, extent, &each))
              return false;
          add(products, product(each, gemm->batch()));
          add(products, product(1, gemm->batch()));
        }
    }
  return bundle.ranks() <= maxRanks && bytes <= maxBytes && products <= maxMultiplications;
}

static void runEntries(runtime::Session &session) {
  for (size_t entry = 0; entry < session.entries().size(); ++entry)
    for (size_t variant = 0; variant < session.entries()[entry].variants.size(); ++variant) {
      const runtime::VariantInfo &info = session.entries()[entry].variants[variant];
      std::vector<std::vector<uint8_t>> memory;
      std::vector<runtime::HostArray> inputs;
      std::vector<void *> outputs;
      for (const runtime::ArrayInfo &input : info.inputs) {
        memory.emplace_back(input.bytes());
        inputs.push_back({memory.back().data(), input.dtype, input.shape});
      }
      for (const runtime::ArrayInfo &output : info.outputs) {
        memory.emplace_back(output.bytes());
        outputs.push_back(memory.back().data());
      }
      try {
        session.run(entry, variant, inputs, outputs);
      } catch (const runtime::Error &) {
        // An index out of range.
      }
    }
}

static void readState(runtime::Session &session) {
  for (size_t i = 0; i < session.parameters().size(); ++i) {
    const runtime::ParameterInfo &parameter = session.parameters()[i];
    std::vector<uint8_t> values(parameter.elements() * runtime::byteSize(parameter.dtype));
    session.readParameter(i, values.data(), parameter.dtype);
    session.writeParameter(i, values.data(), parameter.dtype);
  }
}

static void load(const std::vector<uint8_t> &whole) {
  fuzz::MemoryFile file(whole.data(), whole.size());
  try {
    runtime::SessionOptions options;
    options.threads = 1;
    runtime::Session session(file.path(), options);
    runEntries(session);
    readState(session);
  } catch (const runtime::Error &error) {
    if (!*error.what())
      std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static constexpr char magic[8] = {'R', 'A', 'D', 'D', 'L', 'E', '\0', '\1'};
  if (size >= sizeof(magic) && std::memcmp(data, magic, sizeof(magic)) == 0) {
    // A file with its preamble.
    fuzz::MemoryFile file(data, size);
    runtime::AlignedBuffer whole;
    std::optional<std::string> why = runtime::readBundleFile(file.path(), whole);
    if (why && why->empty())
      std::abort();
    return 0;
  }
  // The reader places the FlatBuffer on an aligned address.
  runtime::AlignedBuffer buffer;
  if (!buffer.allocate(size))
    return 0;
  if (size)
    std::memcpy(buffer.data(), data, size);
  std::string why;
  if (!runtime::verifyBundle(buffer.data(), size, why)) {
    if (why.empty())
      std::abort();
    return 0;
  }
  runtime::bundleToJson(buffer.data(), size);
  const bundle::Bundle &bundle = *bundle::GetBundle(buffer.data());
  bool hasCode = (bundle.code() && bundle.code()->size()) || (bundle.kernels() && bundle.kernels()->size());
  if (!hasCode && isSmall(bundle))
    load(withPreamble(data, size));
  return 0;
}

// FlatBuffers are tables of offsets and numbers at aligned places: half of the changes are made to whole words.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::minstd_rand draw(seed);
  static constexpr size_t widths[] = {1, 2, 4, 8};
  size_t width = widths[draw() % 4];
  if (size < 16 || draw() % 2)
    return LLVMFuzzerMutate(data, size, maxSize);
  auto place = [&] { return data + draw() % (size / width) * width; };
  uint64_t value = 0;
  uint8_t *at = place();
  std::memcpy(&value, at, width);
  switch (draw() % 5) {
  case 0:
    std::memcpy(&value, place(), width);
    break;
  case 1:
    value += draw() % 17 - 8;
    break;
  case 2:
    value += (draw() % 17 - 8) * width;
    break;
  case 3:
    value = uint64_t(1) << draw() % (8 * width);
    break;
  case 4:
    value = ~(value & draw() % 2);
    break;
  }
  std::memcpy(at, &value, width);
  return size;
}

// A damaged .safetensors file is an error or a file every tensor of which can be read whole, and not beyond its end.
#include "MemoryFile.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/WeightArchive.h"

#include <vector>

using namespace raddle;

// The seeds have tensors of these names (fuzz/make_seeds.py).
static constexpr const char *names[] = {"a", "b", "layers.0.weight", ""};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::MemoryFile file(data, size);
  std::unique_ptr<runtime::WeightArchive> archive;
  try {
    archive = runtime::openSafetensors(file.path());
  } catch (const runtime::Error &) {
    return 0;
  }
  for (const char *name : names) {
    std::optional<uint64_t> length = archive->sizeOf(name);
    if (!length)
      continue;
    archive->dtypeOf(name);
    std::vector<uint8_t> bytes(*length);
    archive->read(name, 0, bytes.data(), bytes.size());
    try {
      uint8_t beyond;
      archive->read(name, *length, &beyond, 1);
      std::abort();
    } catch (const runtime::Error &) {
    }
  }
  return 0;
}

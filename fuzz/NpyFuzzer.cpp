// A damaged .npy file is an error or an array of the size that it says.
#include "MemoryFile.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Npy.h"

using namespace raddle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::MemoryFile file(data, size);
  try {
    runtime::NpyArray array = runtime::readNpy(file.path());
    uint64_t bytes = runtime::byteSize(array.dtype);
    for (uint64_t extent : array.shape)
      bytes *= extent;
    if (bytes != array.data.size())
      std::abort();
  } catch (const runtime::Error &) {
  }
  return 0;
}

// The container of a .pt2 file, read by the compiler from memory and by the runtime from a file. What is inside of it
// is ProgramFuzzer's.
#include "Diagnostics.h"
#include "MemoryFile.h"

#include "raddle/Import/Import.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/WeightArchive.h"

#include <vector>

using namespace raddle;

// Weights of the seeds (fuzz/make_seeds.py).
static constexpr const char *entries[] = {"model/data/weights/weight_0", "model/data/weights/weight_1"};
static constexpr uint64_t maxBytes = 1 << 20;

static void readWeights(const std::string &path) {
  try {
    std::unique_ptr<runtime::WeightArchive> archive = runtime::openPt2(path);
    for (const char *entry : entries) {
      std::optional<uint64_t> size = archive->sizeOf(entry);
      if (!size || *size > maxBytes)
        continue;
      std::vector<uint8_t> bytes(*size);
      archive->read(entry, 0, bytes.data(), bytes.size());
      archive->read(entry, *size / 2, bytes.data(), *size / 4);
    }
  } catch (const runtime::Error &error) {
    if (!*error.what())
      std::abort();
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static fuzz::SharedContext shared{mlir::DialectRegistry()};
  mlir::MLIRContext &context = shared.get();
  fuzz::ErrorCount errors(&context);
  llvm::MemoryBufferRef archive(llvm::StringRef(reinterpret_cast<const char *>(data), size), "fuzz.pt2");
  ImportOptions options;
  options.verifyWeights = true;
  if (!importPt2(archive, options, &context))
    errors.expectSome();
  readWeights(fuzz::MemoryFile(data, size).path());
  return 0;
}

// The program in a .pt2 archive. An input is one JSON object, the entries of the archive by name: an object is an entry
// of JSON, a string one of text, a number one of that many zero bytes. What is no such object is taken for
// models/model.json.
#include "Diagnostics.h"
#include "JsonMutator.h"
#include "MemoryFile.h"
#include "Operators.h"

#include "mlir/IR/Verifier.h"
#include "raddle/Import/Import.h"

#include <vector>
#include <zip.h>

using namespace raddle;

static constexpr int64_t maxEntryBytes = 1 << 16;

namespace {

// An archive of stored entries in memory.
class ArchiveWriter {
public:
  ArchiveWriter() : source(check(zip_source_buffer_create(nullptr, 0, 0, nullptr))) {
    archive = check(zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, nullptr));
    zip_source_keep(source);
  }
  ~ArchiveWriter() { zip_source_free(source); }

  void add(llvm::StringRef name, std::string bytes) {
    texts.push_back(std::make_unique<std::string>(std::move(bytes)));
    zip_source_t *entry = check(zip_source_buffer(archive, texts.back()->data(), texts.back()->size(), 0));
    zip_int64_t index = zip_file_add(archive, name.str().c_str(), entry, ZIP_FL_OVERWRITE | ZIP_FL_ENC_UTF_8);
    // A name that zip does not take.
    if (index < 0)
      zip_source_free(entry);
    else
      zip_set_file_compression(archive, index, ZIP_CM_STORE, 0);
  }

  std::string finish() {
    if (zip_close(archive) != 0) {
      zip_discard(archive);
      return {};
    }
    std::string bytes;
    if (zip_source_open(source) != 0)
      return {};
    char piece[1 << 12];
    for (zip_int64_t count; (count = zip_source_read(source, piece, sizeof(piece))) > 0;)
      bytes.append(piece, count);
    zip_source_close(source);
    return bytes;
  }

private:
  zip_source_t *source;
  zip_t *archive;
  std::vector<std::unique_ptr<std::string>> texts;

  template <typename T> static T *check(T *pointer) {
    if (!pointer)
      std::abort();
    return pointer;
  }
};

} // namespace

static std::string textOf(const llvm::json::Value &value) { return llvm::formatv("{0}", value).str(); }

static std::string archiveOf(llvm::StringRef input) {
  ArchiveWriter writer;
  llvm::Expected<llvm::json::Value> document = fuzz::parseJson(input);
  llvm::json::Object *entries = document ? document->getAsObject() : nullptr;
  if (!entries || !entries->get("models/model.json")) {
    llvm::consumeError(document.takeError());
    writer.add("fuzz/models/model.json", input.str());
    return writer.finish();
  }
  for (auto &[key, value] : *entries) {
    std::string name = ("fuzz/" + llvm::StringRef(key)).str();
    if (std::optional<int64_t> size = value.getAsInteger())
      writer.add(name, std::string(std::clamp<int64_t>(*size, 0, maxEntryBytes), '\0'));
    else if (std::optional<llvm::StringRef> text = value.getAsString())
      writer.add(name, text->str());
    else
      writer.add(name, textOf(value));
  }
  return writer.finish();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string archive = archiveOf(llvm::StringRef(reinterpret_cast<const char *>(data), size));
  static fuzz::SharedContext shared{mlir::DialectRegistry()};
  mlir::MLIRContext &context = shared.get();
  fuzz::ErrorCount errors(&context);
  llvm::MemoryBufferRef bytes(archive, "fuzz.pt2");
  ImportOptions options;
  options.verifyWeights = true;
  mlir::OwningOpRef<mlir::ModuleOp> module = importPt2(bytes, options, &context);
  if (!module)
    errors.expectSome();
  else if (failed(mlir::verify(*module)))
    llvm::report_fatal_error("the importer made a module that is not valid");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  static const std::vector<std::string> operators = import::OperatorTable().names();
  return fuzz::mutateJson(data, size, maxSize, seed, operators);
}

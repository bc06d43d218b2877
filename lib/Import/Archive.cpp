#include "Archive.h"
#include "llvm/Support/FormatVariadic.h"
#include <zip.h>

using namespace llvm;

namespace raddle::import {

static Error archiveError(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

void Archive::Closer::operator()(struct zip *handle) const { zip_discard(handle); }

Expected<Archive> Archive::open(MemoryBufferRef bytes) {
  zip_error_t error;
  zip_error_init(&error);
  auto fail = [&](const Twine &message) {
    Error result = archiveError("not a .pt2 archive: " + message);
    zip_error_fini(&error);
    return result;
  };

  zip_source_t *source = zip_source_buffer_create(bytes.getBufferStart(), bytes.getBufferSize(), 0, &error);
  if (!source)
    return fail(zip_error_strerror(&error));
  Archive archive;
  archive.handle.reset(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
  if (!archive.handle) {
    zip_source_free(source);
    return fail(zip_error_strerror(&error));
  }

  zip_int64_t count = zip_get_num_entries(archive.handle.get(), 0);
  for (zip_int64_t index = 0; index < count; ++index) {
    zip_stat_t stat;
    if (zip_stat_index(archive.handle.get(), index, 0, &stat) != 0)
      return fail(zip_strerror(archive.handle.get()));
    if (!(stat.valid & ZIP_STAT_NAME) || !(stat.valid & ZIP_STAT_SIZE))
      return fail(formatv("entry {0} has no name or no size", index).str());
    if (!archive.entries.try_emplace(stat.name, Entry{uint64_t(index), stat.size}).second)
      return fail(formatv("two entries are named '{0}'", stat.name).str());
  }
  zip_error_fini(&error);
  return std::move(archive);
}

std::optional<uint64_t> Archive::sizeOf(StringRef entry) const {
  auto found = entries.find(entry);
  if (found == entries.end())
    return std::nullopt;
  return found->second.size;
}

Error Archive::readPieces(StringRef entry, function_ref<void(StringRef)> consume) const {
  auto found = entries.find(entry);
  if (found == entries.end())
    return archiveError("the archive has no entry '" + entry + "'");
  std::unique_ptr<zip_file_t, decltype(&zip_fclose)> file(zip_fopen_index(handle.get(), found->second.index, 0),
                                                          &zip_fclose);
  if (!file)
    return archiveError("entry '" + entry + "' cannot be opened: " + zip_strerror(handle.get()));

  // The size in the directory is not to be trusted with an allocation: pieces grow with what really comes.
  constexpr uint64_t largestPiece = 1 << 20;
  std::vector<char> piece(std::min(found->second.size, largestPiece - 1) + 1);
  uint64_t total = 0;
  while (total <= found->second.size) {
    zip_int64_t got = zip_fread(file.get(), piece.data(), piece.size());
    if (got < 0)
      return archiveError("entry '" + entry + "' is damaged: " + zip_file_strerror(file.get()));
    if (got == 0)
      break;
    consume(StringRef(piece.data(), got));
    total += got;
  }
  if (total != found->second.size)
    return archiveError(
        formatv("entry '{0}' has {1} bytes, its directory entry says {2}", entry, total, found->second.size));
  return Error::success();
}

Expected<std::string> Archive::read(StringRef entry) const {
  std::string text;
  if (Error error = readPieces(entry, [&](StringRef piece) { text.append(piece.begin(), piece.end()); }))
    return std::move(error);
  return text;
}

Error Archive::check(StringRef entry) const {
  return readPieces(entry, [](StringRef) {});
}

Expected<std::string> Archive::prefixOf(StringRef suffix) const {
  std::optional<StringRef> name;
  for (const auto &entry : entries) {
    StringRef key = entry.getKey();
    if (!key.ends_with(suffix) || (key.size() > suffix.size() && key[key.size() - suffix.size() - 1] != '/'))
      continue;
    if (name)
      return archiveError("the archive holds several entries '" + suffix + "': expected one model");
    name = key;
  }
  if (!name)
    return archiveError("the archive has no entry '" + suffix +
                        "': expected a file that torch.export.save of torch 2.11 or newer wrote");
  return name->drop_back(suffix.size()).str();
}

} // namespace raddle::import

#ifndef RADDLE_LIB_IMPORT_ARCHIVE_H
#define RADDLE_LIB_IMPORT_ARCHIVE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

struct zip;

namespace raddle::import {

/// A zip archive in memory, read-only.
class Archive {
public:
  /// The bytes must outlive the archive.
  static llvm::Expected<Archive> open(llvm::MemoryBufferRef bytes);

  /// Uncompressed size in bytes of an entry; nothing where there is no such entry.
  std::optional<uint64_t> sizeOf(llvm::StringRef entry) const;

  /// The whole entry; its checksum has been verified.
  llvm::Expected<std::string> read(llvm::StringRef entry) const;

  /// Reads the whole entry to verify its checksum, without keeping it.
  llvm::Error check(llvm::StringRef entry) const;

  /// What precedes `suffix` in the only entry that ends in it ("llama/" for "llama/models/model.json").
  llvm::Expected<std::string> prefixOf(llvm::StringRef suffix) const;

private:
  /// Hands the entry's bytes to `consume` piece by piece; the last piece comes before the checksum is known to be
  /// right.
  llvm::Error readPieces(llvm::StringRef entry, llvm::function_ref<void(llvm::StringRef)> consume) const;

  struct Closer {
    void operator()(struct zip *handle) const;
  };
  struct Entry {
    uint64_t index;
    uint64_t size;
  };

  std::unique_ptr<struct zip, Closer> handle;
  llvm::StringMap<Entry> entries;
};

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_ARCHIVE_H

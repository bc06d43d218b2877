// Files that hold weights. They are untrusted: every size and position is checked before it is used.
#pragma once

#include "raddle/runtime/DType.h"

#include <memory>
#include <optional>
#include <string>

namespace raddle::runtime {

/// A file of named byte ranges. Not for use by several threads at once; ranks open one each.
class WeightArchive {
public:
  virtual ~WeightArchive() = default;

  /// Bytes of an entry; nothing when there is none of that name.
  virtual std::optional<uint64_t> sizeOf(const std::string &entry) = 0;

  /// The element type where the file states one.
  virtual std::optional<DType> dtypeOf(const std::string &entry) = 0;

  /// Reads bytes [offset, offset + size) of an entry, without reading what comes before. Throws Error outside of it.
  virtual void read(const std::string &entry, uint64_t offset, void *dst, size_t size) = 0;
};

/// Opens a `.pt2` archive (entries: full names inside the zip) or, by its suffix, a `.safetensors` file (entries:
/// tensor names). Throws Error when it is not well formed.
std::unique_ptr<WeightArchive> openWeights(const std::string &path);

std::unique_ptr<WeightArchive> openPt2(const std::string &path);
std::unique_ptr<WeightArchive> openSafetensors(const std::string &path);

} // namespace raddle::runtime

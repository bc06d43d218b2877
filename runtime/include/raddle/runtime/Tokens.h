// Token ids from a flat file, and the windows that training draws from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace raddle::runtime {

/// A memory-mapped file of unsigned little-endian token ids.
class TokenFile {
public:
  /// The suffix gives the width of an id: `.u16`, `.u32`, anything else is one byte. Throws Error when the file cannot
  /// be mapped, is empty, or its size is not a multiple of the width.
  explicit TokenFile(const std::string &path);
  ~TokenFile();
  TokenFile(const TokenFile &) = delete;
  TokenFile &operator=(const TokenFile &) = delete;

  uint64_t count() const { return bytes / width; }
  uint32_t token(uint64_t position) const;
  const std::string &name() const { return path; }

private:
  std::string path;
  const uint8_t *data = nullptr;
  uint64_t bytes = 0;
  uint64_t width = 1;
};

/// Where the window of `length` tokens of sample `sample` (in the global batch) of step `step` starts. Depends on
/// nothing else, so ranks share no state and any number of them draws the same windows. Throws InvalidArgument when the
/// file is shorter than a window.
uint64_t windowStart(const TokenFile &file, uint64_t length, uint64_t seed, uint64_t step, uint64_t sample);

} // namespace raddle::runtime

#include "raddle/runtime/Tokens.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Random.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace raddle::runtime {

static bool endsWith(const std::string &text, const std::string &suffix) {
  return text.size() >= suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

TokenFile::TokenFile(const std::string &path) : path(path) {
  width = endsWith(path, ".u32") ? 4 : endsWith(path, ".u16") ? 2 : 1;
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    throw Error("cannot open tokens '" + path + "': " + std::strerror(errno));
  struct stat status;
  bool regular = ::fstat(file, &status) == 0 && S_ISREG(status.st_mode);
  bytes = regular ? static_cast<uint64_t>(status.st_size) : 0;
  void *mapped = bytes != 0 ? ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
  ::close(file);
  if (mapped == MAP_FAILED)
    throw Error("tokens '" + path + "': expected a regular file that is not empty");
  data = static_cast<const uint8_t *>(mapped);
  if (bytes % width != 0) {
    ::munmap(mapped, bytes);
    throw Error("tokens '" + path + "': " + std::to_string(bytes) + " bytes are not a multiple of the " +
                std::to_string(width) + " bytes of a token");
  }
}

TokenFile::~TokenFile() { ::munmap(const_cast<uint8_t *>(data), bytes); }

uint32_t TokenFile::token(uint64_t position) const {
  const uint8_t *at = data + position * width;
  uint32_t value = 0;
  for (uint64_t i = 0; i < width; ++i)
    value |= static_cast<uint32_t>(at[i]) << (8 * i);
  return value;
}

uint64_t windowStart(const TokenFile &file, uint64_t length, uint64_t seed, uint64_t step, uint64_t sample) {
  if (length > file.count())
    throw InvalidArgument("tokens '" + file.name() + "': a window has " + std::to_string(length) +
                          " tokens, the file has " + std::to_string(file.count()));
  return randomBelow(file.count() - length + 1, seed, step, sample);
}

} // namespace raddle::runtime

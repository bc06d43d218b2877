#include "raddle/runtime/BundleFile.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace raddle::runtime {

static constexpr char magic[8] = {'R', 'A', 'D', 'D', 'L', 'E', '\0', '\1'};

static void putWord(uint8_t *to, uint64_t value) {
  for (int i = 0; i < 8; ++i)
    to[i] = static_cast<uint8_t>(value >> (8 * i));
}

static uint64_t getWord(const uint8_t *from) {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value |= static_cast<uint64_t>(from[i]) << (8 * i);
  return value;
}

static std::string systemError(const std::string &action, const std::string &path) {
  return "cannot " + action + " '" + path + "': " + std::strerror(errno);
}

// Writes all bytes; false with errno set otherwise.
static bool writeAll(int file, const uint8_t *data, size_t size) {
  while (size != 0) {
    ssize_t written = ::write(file, data, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    data += written;
    size -= static_cast<size_t>(written);
  }
  return true;
}

// Reads exactly `size` bytes; false at an error or an early end of the file.
static bool readAll(int file, uint8_t *data, size_t size) {
  while (size != 0) {
    ssize_t count = ::read(file, data, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    data += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

std::optional<std::string> writeBundleFile(const std::string &path, const uint8_t *data, size_t size) {
  uint8_t preamble[preambleBytes] = {};
  std::memcpy(preamble, magic, sizeof(magic));
  putWord(preamble + 8, size);
  putWord(preamble + 16, XXH3_64bits(data, size));

  // mkstemp's mode is for private files; the result gets the mode that the umask of the user asks for.
  std::string temporary = path + ".XXXXXX";
  int file = ::mkstemp(temporary.data());
  if (file < 0)
    return systemError("create a file beside", path);
  mode_t mask = ::umask(0);
  ::umask(mask);
  bool written =
      ::fchmod(file, 0666 & ~mask) == 0 && writeAll(file, preamble, sizeof(preamble)) && writeAll(file, data, size);
  int writeError = errno;
  bool closed = ::close(file) == 0;
  if (!written)
    errno = writeError;
  if (!written || !closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    std::string message = systemError("write", path);
    ::unlink(temporary.c_str());
    return message;
  }
  return std::nullopt;
}

// Reads from an open file; readBundleFile closes it.
static std::optional<std::string> readOpenFile(int file, const std::string &path, AlignedBuffer &out) {
  struct stat status;
  if (::fstat(file, &status) != 0)
    return systemError("read", path);
  if (!S_ISREG(status.st_mode))
    return "'" + path + "' is not a regular file";
  uint64_t fileSize = static_cast<uint64_t>(status.st_size);
  uint8_t preamble[preambleBytes];
  if (fileSize < preambleBytes)
    return "'" + path + "' is not a bundle: it has " + std::to_string(fileSize) + " bytes, a preamble has " +
           std::to_string(preambleBytes);
  if (!readAll(file, preamble, sizeof(preamble)))
    return systemError("read", path);
  if (std::memcmp(preamble, magic, sizeof(magic)) != 0)
    return "'" + path + "' is not a bundle of this version: it does not start with the expected 8 bytes";
  uint64_t size = getWord(preamble + 8);
  if (size != fileSize - preambleBytes)
    return "'" + path + "' is damaged: expected " + std::to_string(size) + " bytes after the preamble, found " +
           std::to_string(fileSize - preambleBytes);
  if (getWord(preamble + 24) != 0)
    return "'" + path + "' is damaged: the last 8 bytes of the preamble are not zero";
  if (!out.allocate(size))
    return "cannot allocate " + std::to_string(size) + " bytes for '" + path + "'";
  if (!readAll(file, out.data(), size))
    return "cannot read all of '" + path + "'";
  if (XXH3_64bits(out.data(), size) != getWord(preamble + 16))
    return "'" + path + "' is damaged: its hash differs from the one in the preamble";
  std::string why;
  if (!verifyBundle(out.data(), size, why))
    return "'" + path + "' is not valid:\n" + why;
  return std::nullopt;
}

std::optional<std::string> readBundleFile(const std::string &path, AlignedBuffer &out) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return systemError("open", path);
  std::optional<std::string> problem = readOpenFile(file, path, out);
  ::close(file);
  return problem;
}

} // namespace raddle::runtime

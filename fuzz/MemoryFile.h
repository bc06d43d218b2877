// A file in memory, for readers that take a path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace raddle::fuzz {

class MemoryFile {
public:
  MemoryFile(const uint8_t *data, size_t size) : file(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (file < 0)
      std::abort();
    for (size_t done = 0; done < size;) {
      ssize_t count = ::write(file, data + done, size - done);
      if (count <= 0)
        std::abort();
      done += static_cast<size_t>(count);
    }
  }
  ~MemoryFile() { ::close(file); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(file); }

private:
  int file;
};

} // namespace raddle::fuzz

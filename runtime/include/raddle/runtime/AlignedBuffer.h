// Memory whose start suits vector instructions and direct use by devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace raddle::runtime {

/// Alignment of every buffer that the runtime allocates: two cache lines, as the bucket plan assumes.
constexpr size_t bufferAlignment = 128;

/// An owned block of bytes, aligned to `bufferAlignment` and uninitialised.
class AlignedBuffer {
public:
  AlignedBuffer() = default;

  /// False when the memory cannot be had; the buffer is empty then.
  bool allocate(size_t bytes) {
    memory.reset();
    length = 0;
    size_t rounded = (bytes + bufferAlignment - 1) / bufferAlignment * bufferAlignment;
    if (rounded < bytes)
      return false;
    // One block even for zero bytes, so that a pointer to it is valid.
    memory.reset(static_cast<uint8_t *>(std::aligned_alloc(bufferAlignment, rounded ? rounded : bufferAlignment)));
    if (!memory)
      return false;
    length = bytes;
    return true;
  }

  uint8_t *data() { return memory.get(); }
  const uint8_t *data() const { return memory.get(); }
  size_t size() const { return length; }

private:
  struct Free {
    void operator()(uint8_t *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<uint8_t, Free> memory;
  size_t length = 0;
};

} // namespace raddle::runtime

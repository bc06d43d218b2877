// Machine code of a bundle, made callable.
#pragma once

#include "raddle/Bundle/bundle_generated.h"

#include <cstdint>
#include <vector>

namespace raddle::runtime {

/// A kernel on the CPU: computes [begin, end) of its range from the pointers of its arguments.
using KernelFunction = void (*)(void *const *args, int64_t begin, int64_t end);

/// The code objects of a bundle for this machine's CPU, loaded, and the function of every kernel. Throws Error when
/// code does not load or lacks a symbol (all missing ones in one error).
class LoadedCode {
public:
  explicit LoadedCode(const bundle::Bundle &bundle);
  ~LoadedCode();
  LoadedCode(const LoadedCode &) = delete;
  LoadedCode &operator=(const LoadedCode &) = delete;

  KernelFunction function(uint32_t kernel) const { return functions[kernel]; }

  /// Bytes of the objects, which lie in memory of their own.
  uint64_t bytes() const { return size; }

  /// One loaded object: the loader's handle and the descriptor of the memory that it came from.
  struct Library {
    void *handle;
    int file;
  };

private:
  std::vector<Library> libraries;
  std::vector<KernelFunction> functions;
  uint64_t size = 0;

  void unload();
};

} // namespace raddle::runtime

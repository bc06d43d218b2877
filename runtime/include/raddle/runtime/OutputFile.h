// Files that appear complete or not at all.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

namespace raddle::runtime {

/// A file that is written under a temporary name beside its path and gets its own name by commit(). Without that,
/// nothing is left. Throws Error when it cannot be created or written.
class OutputFile {
public:
  explicit OutputFile(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void write(const void *data, size_t size);
  void write(const std::string &text) { write(text.data(), text.size()); }
  void commit();

private:
  std::string path, temporary;
  std::ofstream stream;
};

} // namespace raddle::runtime

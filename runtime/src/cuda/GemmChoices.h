// How matrix products were computed fastest, remembered from one process to the next.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace raddle::runtime::cuda {

/// An algorithm as cuBLASLt describes it, to be checked by it before use.
using GemmAlgorithm = std::array<uint64_t, 8>;

/// A file with a line for each product: the algorithm, 128 hexadecimal digits, a space, and what the product is, for
/// which GPU and library. Lines of other forms are passed over: the file may come from anywhere. Ranks of one process
/// and of others may read and write it at a time; what one of them loses is measured again.
class GemmChoices {
public:
  /// Reads the file, if it is there and of no unreasonable size.
  explicit GemmChoices(std::string path);

  std::optional<GemmAlgorithm> find(const std::string &product) const;

  /// Until `save`, only here.
  void remember(const std::string &product, const GemmAlgorithm &algorithm);

  /// Adds what is new to what the file has now.
  void save();

private:
  std::string path;
  std::map<std::string, GemmAlgorithm> known, added;
};

} // namespace raddle::runtime::cuda

#include "GemmChoices.h"

#include "../exec/CacheFile.h"

#include <charconv>
#include <fstream>
#include <mutex>

namespace raddle::runtime::cuda {

static constexpr size_t digitsOfWord = 16, mostLines = 1 << 16, mostLetters = 1024;

static std::optional<GemmAlgorithm> parse(const std::string &digits) {
  GemmAlgorithm algorithm;
  for (size_t i = 0; i < algorithm.size(); ++i) {
    const char *begin = digits.data() + i * digitsOfWord, *end = begin + digitsOfWord;
    auto [stopped, error] = std::from_chars(begin, end, algorithm[i], 16);
    if (error != std::errc() || stopped != end)
      return std::nullopt;
  }
  return algorithm;
}

static std::string format(const GemmAlgorithm &algorithm) {
  std::string digits;
  for (uint64_t word : algorithm) {
    char text[digitsOfWord];
    char *end = std::to_chars(text, text + digitsOfWord, word, 16).ptr;
    digits += std::string(digitsOfWord - static_cast<size_t>(end - text), '0') + std::string(text, end);
  }
  return digits;
}

static std::map<std::string, GemmAlgorithm> read(const std::string &path) {
  constexpr size_t digits = digitsOfWord * std::tuple_size_v<GemmAlgorithm>;
  std::map<std::string, GemmAlgorithm> found;
  std::ifstream file(path, std::ios::binary);
  // A line is read up to a length: a file without ends of lines does not fill the memory.
  char line[mostLetters];
  for (size_t i = 0; i < mostLines && file.getline(line, sizeof(line)); ++i) {
    std::string text(line);
    std::optional<GemmAlgorithm> algorithm;
    if (text.size() > digits + 1 && text[digits] == ' ')
      algorithm = parse(text);
    if (algorithm)
      found[text.substr(digits + 1)] = *algorithm;
  }
  return found;
}

GemmChoices::GemmChoices(std::string path) : path(std::move(path)) { known = read(this->path); }

std::optional<GemmAlgorithm> GemmChoices::find(const std::string &product) const {
  auto found = known.find(product);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

void GemmChoices::remember(const std::string &product, const GemmAlgorithm &algorithm) {
  known[product] = added[product] = algorithm;
}

void GemmChoices::save() {
  if (path.empty() || added.empty())
    return;
  // The temporary name is the process's.
  static std::mutex writing;
  std::lock_guard lock(writing);
  std::map<std::string, GemmAlgorithm> all = read(path);
  for (const auto &[product, algorithm] : added)
    all[product] = algorithm;
  std::string text;
  for (const auto &[product, algorithm] : all)
    text += format(algorithm) + " " + product + "\n";
  rewriteCacheFile(path, text);
  added.clear();
}

} // namespace raddle::runtime::cuda

#include "TextMutator.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include <random>

using namespace llvm;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace raddle::fuzz {

static constexpr unsigned maxChanges = 3;

// What the text itself may lack.
static constexpr StringLiteral kWords[] = {"f32",
                                           "f16",
                                           "f64",
                                           "bf16",
                                           "i1",
                                           "i8",
                                           "i64",
                                           "index",
                                           "?",
                                           "0",
                                           "1",
                                           "-1",
                                           "2147483648",
                                           "9223372036854775807",
                                           "true",
                                           "unit",
                                           "\"\"",
                                           "[]",
                                           "{}",
                                           "1.0e+00",
                                           "0x7F800000 : f32",
                                           "tensor<f32>",
                                           "tensor<?xf32>",
                                           "tensor<0xf32>",
                                           "tensor<*xf32>",
                                           "memref<4xf32>",
                                           "tensor<4xindex>",
                                           "vector<4xf32>",
                                           "complex<f32>",
                                           "tensor<4611686018427387904x4xf32>",
                                           "array<i64>",
                                           "dense<1> : tensor<2xi64>",
                                           "affine_map<(d0) -> (d0)>"};

static SmallVector<StringRef> tokensOf(StringRef text) {
  SmallVector<StringRef> tokens;
  while (!text.empty()) {
    size_t length = 1;
    auto take = [&](auto belongs) {
      while (length < text.size() && belongs(text[length]))
        ++length;
    };
    char c = text.front();
    if (isSpace(c))
      take([](char next) { return isSpace(next); });
    else if (isAlnum(c) || StringRef("%@#!^_-").contains(c))
      take([](char next) { return isAlnum(next) || next == '_' || next == '.' || next == '$'; });
    else if (c == '"')
      length = std::min(text.size(), text.find('"', 1)) + (text.find('"', 1) != StringRef::npos);
    tokens.push_back(text.take_front(length));
    text = text.drop_front(length);
  }
  return tokens;
}

static SmallVector<StringRef> linesOf(StringRef text) {
  SmallVector<StringRef> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    size_t length = end == StringRef::npos ? text.size() : end + 1;
    lines.push_back(text.take_front(length));
    text = text.drop_front(length);
  }
  return lines;
}

namespace {

class Mutator {
public:
  explicit Mutator(unsigned seed) : draw(seed) {}

  unsigned below(size_t bound) { return draw() % bound; }

  std::string change(std::string text) {
    for (unsigned left = 1 + below(maxChanges); left && !text.empty(); --left)
      text = below(4) ? changeTokens(tokensOf(text)) : changeLines(linesOf(text));
    return text;
  }

private:
  std::minstd_rand draw;

  std::string changeLines(SmallVector<StringRef> lines) {
    unsigned i = below(lines.size()), j = below(lines.size());
    switch (below(3)) {
    case 0:
      lines.erase(lines.begin() + i);
      break;
    case 1:
      std::swap(lines[i], lines[j]);
      break;
    case 2: {
      StringRef copy = lines[i];
      lines.insert(lines.begin() + j, copy);
      break;
    }
    }
    return join(lines, "");
  }

  std::string changeTokens(SmallVector<StringRef> tokens) {
    unsigned i = below(tokens.size());
    // Spaces say nothing.
    while (i + 1 < tokens.size() && isSpace(tokens[i].front()))
      ++i;
    std::string text;
    switch (below(6)) {
    case 0:
      tokens.erase(tokens.begin() + i);
      break;
    case 1: {
      StringRef copy = tokens[i];
      tokens.insert(tokens.begin() + i, {copy, " "});
      break;
    }
    case 2:
      tokens[i] = tokens[below(tokens.size())];
      break;
    case 3:
      std::swap(tokens[i], tokens[below(tokens.size())]);
      break;
    case 4:
      tokens[i] = kWords[below(std::size(kWords))];
      break;
    case 5:
      text = changedNumber(tokens);
      break;
    }
    return text.empty() ? join(tokens, "") : text;
  }

  // Shapes are tokens like 4x8xf32: any run of digits counts.
  std::string changedNumber(ArrayRef<StringRef> tokens) {
    std::string text = join(tokens, "");
    SmallVector<size_t> starts;
    for (size_t i = 0; i < text.size(); ++i)
      if (isDigit(text[i]) && (i == 0 || !isAlnum(text[i - 1]) || text[i - 1] == 'x'))
        starts.push_back(i);
    if (starts.empty())
      return text;
    size_t begin = starts[below(starts.size())], end = begin;
    while (end < text.size() && isDigit(text[end]))
      ++end;
    static constexpr StringLiteral numbers[] = {"0", "1", "2", "3", "7", "16", "?", "4294967296", "4611686018427387904",
                                                "-1"};
    return text.replace(begin, end - begin, numbers[below(std::size(numbers))].str());
  }
};

} // namespace

size_t mutateText(uint8_t *data, size_t size, size_t maxSize, unsigned seed, ArrayRef<StringLiteral> pipelines) {
  constexpr unsigned oneInBytes = 16, oneInPasses = 8;
  Mutator mutator(seed);
  if (size == 0 || mutator.below(oneInBytes) == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  StringRef text(reinterpret_cast<char *>(data), size), passes;
  if (text.starts_with(kPassesPrefix))
    std::tie(passes, text) = text.split('\n');
  std::string head = passes.str();
  if (mutator.below(oneInPasses) == 0)
    head = (kPassesPrefix + pipelines[mutator.below(pipelines.size())]).str();
  std::string changed = head + "\n" + mutator.change(text.str());
  size_t length = std::min(changed.size(), maxSize);
  std::copy_n(changed.begin(), length, data);
  return length;
}

} // namespace raddle::fuzz

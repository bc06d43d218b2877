#include "raddle/Plan/Parameter.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <charconv>

namespace raddle::plan {

static std::optional<int64_t> parsePositive(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1)
    return std::nullopt;
  return value;
}

std::optional<Block> parseBlock(std::string_view text) {
  constexpr std::string_view kRows = "rows:";
  if (text == "none")
    return Block();
  if (text.substr(0, kRows.size()) == kRows) {
    std::optional<int64_t> rows = parsePositive(text.substr(kRows.size()));
    return rows ? std::optional(Block{Block::Kind::Rows, *rows, 1}) : std::nullopt;
  }
  size_t times = text.find('x');
  if (times == std::string_view::npos)
    return std::nullopt;
  std::optional<int64_t> rows = parsePositive(text.substr(0, times)), columns = parsePositive(text.substr(times + 1));
  if (!rows || !columns)
    return std::nullopt;
  return Block{Block::Kind::Tile, *rows, *columns};
}

int bitsOf(std::string_view dtype) {
  struct Name {
    std::string_view name;
    int bits;
  };
  static constexpr Name kNames[] = {{"f64", 64},        {"f32", 32},
                                    {"f16", 16},        {"bf16", 16},
                                    {"f8e4m3", 8},      {"f8e5m2", 8},
                                    {"f8e8m0", 8},      {"f4e2m1", 4},
                                    {"i64", 64},        {"i32", 32},
                                    {"i16", 16},        {"i8", 8},
                                    {"u64", 64},        {"u32", 32},
                                    {"u16", 16},        {"u8", 8},
                                    {"i4", 4},          {"u4", 4},
                                    {"bool", 8},        {"float64", 64},
                                    {"float32", 32},    {"float16", 16},
                                    {"bfloat16", 16},   {"int64", 64},
                                    {"int32", 32},      {"int16", 16},
                                    {"int8", 8},        {"uint8", 8},
                                    {"fp8", 8},         {"fp4", 4},
                                    {"f8_e4m3", 8},     {"f8_e5m2", 8},
                                    {"f8_e8m0", 8},     {"f8e4m3fn", 8},
                                    {"f4", 4},          {"float8_e4m3fn", 8},
                                    {"float8_e5m2", 8}, {"float8_e8m0fnu", 8}};
  std::string lower(dtype);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  for (const Name &known : kNames)
    if (known.name == lower)
      return known.bits;
  return 0;
}

std::optional<int64_t> countElements(const std::vector<int64_t> &shape) {
  // An extent of zero makes the product zero, whatever the others are.
  int64_t product = 1;
  bool isEmpty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  for (int64_t extent : shape)
    if (extent < 0 || (!isEmpty && __builtin_mul_overflow(product, extent, &product)) || product > kMaxElements)
      return std::nullopt;
  return isEmpty ? 0 : product;
}

const char *nameOf(Region region) {
  switch (region) {
  case Region::Interior:
    return "interior";
  case Region::Right:
    return "right";
  case Region::Lower:
    return "lower";
  case Region::Corner:
    return "corner";
  }
  return "";
}

std::vector<Part> partsOf(const std::vector<int64_t> &shape, const Block &block, bool ofOption) {
  int64_t elements = *countElements(shape);
  if (block.kind == Block::Kind::None || elements == 0 || (ofOption && shape.size() < 2))
    return {{Region::Interior, elements, 1}};
  int64_t columns = shape.empty() ? 1 : shape.back();
  int64_t rows = shape.size() < 2 ? 1 : shape[shape.size() - 2];
  int64_t matrices = elements / (rows * columns);
  int64_t blockRows = std::min(block.rows, rows);
  int64_t blockColumns = block.kind == Block::Kind::Rows ? columns : std::min(block.columns, columns);
  int64_t lower = rows % block.rows, right = block.kind == Block::Kind::Rows ? 0 : columns % block.columns;
  std::vector<Part> parts;
  auto add = [&](Region region, int64_t partRows, int64_t partColumns, int64_t unitRows, int64_t unitColumns) {
    if (partRows > 0 && partColumns > 0)
      parts.push_back({region, matrices * partRows * partColumns, unitRows * unitColumns});
  };
  add(Region::Interior, rows - lower, columns - right, blockRows, blockColumns);
  add(Region::Right, rows - lower, right, blockRows, right);
  add(Region::Lower, lower, columns - right, lower, blockColumns);
  add(Region::Corner, lower, right, lower, right);
  return parts;
}

int64_t rowMajorUnit(const std::vector<int64_t> &shape, int64_t blockRows) {
  if (countElements(shape) == 0)
    return 1;
  int64_t width = shape.empty() ? 1 : shape.back(), height = shape.size() < 2 ? 1 : shape[shape.size() - 2];
  int64_t rows = std::min(blockRows, height);
  bool fits = shape.size() <= 2 || height % rows == 0;
  return (fits ? rows : height) * width;
}

std::string_view layerOf(std::string_view name) {
  auto isDigit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('.', begin), name.size());
    std::string_view component = name.substr(begin, end - begin);
    if (!component.empty() && std::all_of(component.begin(), component.end(), isDigit))
      return name.substr(0, end);
    begin = end + 1;
  }
  return {};
}

std::string_view defaultBucket(std::string_view name, int64_t bytes) {
  /// A parameter outside of layers gets a bucket of its own from this size on; smaller ones share one.
  constexpr int64_t kOwnBucketBytes = 256 * 1024;
  std::string_view layer = layerOf(name);
  if (!layer.empty())
    return layer;
  return bytes >= kOwnBucketBytes ? name : "rest";
}

} // namespace raddle::plan

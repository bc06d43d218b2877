#include "raddle/runtime/JsonText.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace raddle::runtime {

// Length of the UTF-8 sequence at `at`, 0 when it is malformed.
static size_t sequenceLength(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t first = byte(at);
  size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (length == 0 || at + length > text.size())
    return 0;
  uint32_t point = length == 1 ? first : first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(at + i) >> 6 != 2)
      return 0;
    point = point << 6 | (byte(at + i) & 0x3f);
  }
  static constexpr uint32_t shortest[] = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < shortest[length] || surrogate || point > 0x10ffff ? 0 : length;
}

std::string jsonString(std::string_view text) {
  std::string result = "\"";
  for (size_t at = 0; at < text.size();) {
    size_t length = sequenceLength(text, at);
    char c = text[at];
    if (length == 0) {
      result += "\\ufffd";
      ++at;
      continue;
    }
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (length == 1 && static_cast<uint8_t>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      result += escape;
    } else {
      result.append(text.substr(at, length));
    }
    at += length;
  }
  return result + "\"";
}

std::string jsonNumber(double value) {
  if (!std::isfinite(value))
    return "null";
  char text[32];
  std::snprintf(text, sizeof(text), "%.17g", value);
  // The shortest of the forms that read back to the same value.
  for (int digits = 6; digits < 17; ++digits) {
    char shorter[32];
    std::snprintf(shorter, sizeof(shorter), "%.*g", digits, value);
    if (std::strtod(shorter, nullptr) == value)
      return shorter;
  }
  return text;
}

} // namespace raddle::runtime

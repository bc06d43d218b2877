// Text in JSON.
#pragma once

#include <string>
#include <string_view>

namespace raddle::runtime {

/// The string in quotes, escaped. Bytes that are not UTF-8 become the replacement character.
std::string jsonString(std::string_view text);

/// A number that reads back to the same value; null for infinities and NaN, which JSON lacks.
std::string jsonNumber(double value);

} // namespace raddle::runtime

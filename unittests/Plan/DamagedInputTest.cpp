// Damaged lists of parameters are an error, or a model that is planned by the rules.
#include "raddle/Plan/ModelPlanner.h"
#include "raddle/Plan/ReadParameters.h"

#include <gtest/gtest.h>

#include <random>

using namespace raddle::plan;

namespace {

constexpr std::string_view kJson = R"({"params": [
  {"name": "embed", "shape": [1000, 64], "dtype": "bf16"}, {"name": "layers.0.w", "shape": [300, 200], "dtype": "bf16"},
  {"name": "layers.0.b", "shape": [200], "dtype": "bf16"},
  {"name": "layers.1.w", "shape": [4, 31, 77], "dtype": "f32", "block": [100, 7], "bucket": "x"},
  {"name": "s", "shape": [], "dtype": "f8e4m3", "block": null}, {"name": "r", "shape": [9, 9], "dtype": "f64", "block": "rows:2"}]})";

std::string safetensors() {
  std::string header =
      R"({"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
    "layers.0.b": {"dtype": "F32", "shape": [129, 130], "data_offsets": [12, 67092]}})";
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  return bytes + header;
}

/// Changes of the kind that damage a file or come from somebody who means harm.
class Damage {
public:
  std::string of(std::string text) {
    static const std::string kPieces[] = {"-1",   "0",        "99999999999", "4611686018427387904",
                                          "1e9",  "null",     "[]",          "{}",
                                          "\"\"", "[4, 4]",   "\"rows:3\"",  "NaN",
                                          "[[[[", "\xff",     "\"\\u0000\"", ",",
                                          ":",    "\"name\"", "\"bf16\"",    "\"layers.1.w\""};
    for (int64_t changes = number(1, 3); changes > 0; --changes) {
      size_t at = number(0, static_cast<int64_t>(text.size()) - 1);
      size_t length = std::min<size_t>(number(0, 12), text.size() - at);
      switch (number(0, 4)) {
      case 0:
        text[at] = static_cast<char>(number(0, 255));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, text.substr(number(0, static_cast<int64_t>(text.size()) - 1), number(1, 60)));
        break;
      case 3:
        replaceNumber(text, at);
        break;
      default:
        text.replace(at, length, kPieces[number(0, std::size(kPieces) - 1)]);
      }
      if (text.empty())
        text = " ";
    }
    return text;
  }

  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

private:
  /// A number stays a number, of any size.
  void replaceNumber(std::string &text, size_t from) {
    size_t begin = text.find_first_of("0123456789", from);
    if (begin == std::string::npos)
      return;
    size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
    text.replace(begin, end - begin, std::to_string(uint64_t(1) << number(0, 62)));
  }

  std::mt19937_64 random{20260801};
};

/// Whether there was no problem.
bool planIfGood(const ParameterList &list, Damage &damage) {
  if (!list.problems.empty())
    return false;
  PlanOptions options;
  options.ranks = damage.number(0, 1) ? damage.number(1, 64) : int64_t(1) << damage.number(0, 16);
  if (damage.number(0, 1))
    options.block = {Block::Kind::Tile, damage.number(1, 200), damage.number(1, 200)};
  if (!checkInput(list.parameters, options).empty())
    return false;
  EXPECT_TRUE(checkPlan(list.parameters, options, planModel(list.parameters, options)).empty());
  return true;
}

} // namespace

TEST(DamagedInput, JsonIsRefusedOrPlanned) {
  Damage damage;
  int good = 0, bad = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = damage.of(std::string(kJson));
    ++(planIfGood(parseParameterJson(text), damage) ? good : bad);
    ASSERT_FALSE(HasFailure()) << text;
  }
  EXPECT_GT(good, 500);
  EXPECT_GT(bad, 500);
}

TEST(DamagedInput, SafetensorsAreRefusedOrPlanned) {
  Damage damage;
  int good = 0, bad = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = damage.of(safetensors());
    ++(planIfGood(parseSafetensorsHeader(bytes), damage) ? good : bad);
    ASSERT_FALSE(HasFailure()) << bytes;
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 500);
}

#include "raddle/Plan/ReadParameters.h"

#include <gtest/gtest.h>

using namespace raddle::plan;

namespace {

std::string problemsOf(const ParameterList &list) {
  std::string text;
  for (const std::string &problem : list.problems)
    text += problem + "\n";
  return text;
}

std::string safetensors(const std::string &header, uint64_t claimed) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(claimed >> (8 * i));
  return bytes + header;
}

ParameterList readSafetensors(const std::string &header) {
  return parseSafetensorsHeader(safetensors(header, header.size()));
}

} // namespace

TEST(ReadParameters, ReadsJson) {
  ParameterList list = parseParameterJson(R"({"params": [
    {"name": "a", "shape": [3, 4], "dtype": "bf16", "bucket": "x", "block": [2, 2]},
    {"name": "b", "shape": [], "dtype": "float32"},
    {"name": "c", "shape": [8589934592], "dtype": "F8_E4M3", "block": null},
    {"name": "d", "shape": [2, 2], "dtype": "bf16", "block": "rows:7"}], "other": 1})");
  EXPECT_EQ(problemsOf(list), "");
  ASSERT_EQ(list.parameters.size(), 4u);
  EXPECT_EQ(list.parameters[0].bucket, "x");
  EXPECT_EQ(list.parameters[0].block, (Block{Block::Kind::Tile, 2, 2}));
  EXPECT_EQ(bitsOf(list.parameters[1].dtype), 32);
  EXPECT_FALSE(list.parameters[1].block);
  EXPECT_EQ(list.parameters[2].shape, (std::vector<int64_t>{int64_t(1) << 33}));
  EXPECT_EQ(bitsOf(list.parameters[2].dtype), 8);
  EXPECT_EQ(list.parameters[2].block, Block());
  EXPECT_EQ(list.parameters[3].block, (Block{Block::Kind::Rows, 7, 1}));
}

TEST(ReadParameters, NamesAllProblemsOfJson) {
  ParameterList list = parseParameterJson(R"({"params": [7, {"shape": [1.5], "dtype": "bf16"},
    {"name": "x", "shape": [-3], "dtype": ""}, {"name": "y", "shape": {}, "dtype": 1, "block": [0, 4]},
    {"name": "z", "shape": [18446744073709551615], "dtype": "f32", "bucket": 3, "block": "3by4"}]})");
  EXPECT_EQ(problemsOf(list),
            "parameter 0 is no object\n"
            "parameter 1: 'name' is missing\n"
            "parameter 1: 'shape' has the extent 1.5, expected an integer from 0 on\n"
            "parameter 2 'x': 'shape' has the extent -3, expected an integer from 0 on\n"
            "parameter 2 'x': 'dtype' is empty\n"
            "parameter 3 'y': 'shape' is no list\n"
            "parameter 3 'y': 'dtype' is no text\n"
            "parameter 3 'y': 'block' is [0,4], expected [R, C] with R and C from 1 on\n"
            "parameter 4 'z': 'shape' has the extent 18446744073709551615, expected an integer from 0 "
            "on\n"
            "parameter 4 'z': 'bucket' is no text\n"
            "parameter 4 'z': 'block' is \"3by4\", expected [R, C] with R and C from 1 on\n");
}

TEST(ReadParameters, NamesRepeatedKeys) {
  EXPECT_EQ(problemsOf(parseParameterJson(R"({"params": [
    {"name": "a", "shape": [2], "dtype": "f32", "name": "b", "shape": [2], "shape": [3]}, {"name": "c", "shape": [2],
    "dtype": "f32"}], "other": 1, "params": []})")),
            "the file: 'params' is given more than once\n"
            "parameter 0 'a': 'name' is given more than once\n"
            "parameter 0 'a': 'shape' is given more than once\n");
  EXPECT_EQ(problemsOf(readSafetensors(R"({"a": {"dtype": "BF16", "dtype": "F32", "shape": [2],
      "data_offsets": [0, 4]}})")),
            "tensor 'a': 'dtype' is given more than once\n");
}

TEST(ReadParameters, RefusesWhatIsNoJson) {
  std::string deep(100000, '[');
  for (const std::string &text : {std::string(), std::string("["), std::string("[]"), std::string("{\"params\": NaN}"),
                                  std::string("\xff\xfe"), deep, "{\"params\":" + deep}) {
    ParameterList list = parseParameterJson(text);
    EXPECT_EQ(list.problems.size(), 1u) << text.substr(0, 20);
    EXPECT_TRUE(list.parameters.empty());
  }
  EXPECT_EQ(problemsOf(parseParameterJson("{}")), "expected a list 'params' of parameters\n");
}

TEST(ReadParameters, ReadsTheHeaderOfSafetensors) {
  ParameterList list = readSafetensors(R"({"__metadata__": {"format": "pt"}, "w": {"dtype": "BF16", "shape": [2, 3],
      "data_offsets": [0, 12]}, "s": {"dtype": "F8_E8M0", "shape": [], "data_offsets": [12, 13]}})");
  EXPECT_EQ(problemsOf(list), "");
  ASSERT_EQ(list.parameters.size(), 2u);
  EXPECT_EQ(list.parameters[0].name, "w");
  EXPECT_EQ(list.parameters[0].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_TRUE(list.parameters[1].shape.empty());
}

TEST(ReadParameters, NamesAllProblemsOfAHeader) {
  ParameterList list = readSafetensors(R"({"a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 13]},
    "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [12, 0]}, "c": [], "d": {"dtype": "F32", "shape": [-1],
    "data_offsets": [0, 4]}, "e": {"shape": [1], "data_offsets": [0, 4]}})");
  EXPECT_EQ(problemsOf(list), "tensor 'a': its shape takes 12 bytes, its offsets 13\n"
                              "tensor 'b': expected two rising 'data_offsets'\n"
                              "tensor 'c' is no object\n"
                              "tensor 'd': 'shape' has the extent -1, expected an integer from 0 on\n"
                              "tensor 'e': 'dtype' is missing\n");
}

TEST(ReadParameters, RefusesHeadersThatDoNotFit) {
  EXPECT_FALSE(parseSafetensorsHeader("").problems.empty());
  EXPECT_FALSE(parseSafetensorsHeader("1234567").problems.empty());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors("{}", 3)).problems.empty());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors("{}", UINT64_MAX)).problems.empty());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors("{}", UINT64_MAX - 7)).problems.empty());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors("[]", 2)).problems.empty());
  EXPECT_TRUE(parseSafetensorsHeader(safetensors("{}", 2)).problems.empty());
}

TEST(ReadParameters, ParsesBlocks) {
  EXPECT_EQ(parseBlock("128x64"), (Block{Block::Kind::Tile, 128, 64}));
  EXPECT_EQ(parseBlock("rows:3"), (Block{Block::Kind::Rows, 3, 1}));
  EXPECT_EQ(parseBlock("none"), Block());
  for (const char *text : {"", "x", "0x4", "4x", "4x-1", "rows:", "rows:0", "1x2x3", " 4x4", "99999999999999999999x1"})
    EXPECT_FALSE(parseBlock(text)) << text;
}

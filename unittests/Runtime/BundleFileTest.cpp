#include "TestBundle.h"
#include "TestFolder.h"

#include "raddle/runtime/BundleFile.h"
#include "raddle/runtime/JsonText.h"

#include <gtest/gtest.h>
#include <simdjson.h>

using namespace raddle::runtime;

static std::string fileBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(BundleFile, ReadsWhatWasWritten) {
  TestFolder folder;
  std::vector<uint8_t> bytes = linearTraining(2, 4);
  std::string path = folder.file("a.raddle");
  ASSERT_EQ(writeBundleFile(path, bytes.data(), bytes.size()), std::nullopt);
  EXPECT_EQ(folder.count(), 1u);
  AlignedBuffer read;
  ASSERT_EQ(readBundleFile(path, read), std::nullopt);
  EXPECT_EQ(std::vector<uint8_t>(read.data(), read.data() + read.size()), bytes);
}

TEST(BundleFile, RefusesEveryTruncation) {
  TestFolder folder;
  std::vector<uint8_t> bytes = linearTraining(2, 4);
  std::string path = folder.file("a.raddle");
  ASSERT_EQ(writeBundleFile(path, bytes.data(), bytes.size()), std::nullopt);
  std::string whole = fileBytes(path);
  for (size_t length = 0; length < whole.size(); ++length) {
    AlignedBuffer read;
    ASSERT_NE(readBundleFile(folder.write("b.raddle", whole.substr(0, length)), read), std::nullopt) << length;
  }
}

TEST(BundleFile, RefusesEveryFlippedByte) {
  TestFolder folder;
  std::vector<uint8_t> bytes = linearTraining(1, 2);
  std::string path = folder.file("a.raddle");
  ASSERT_EQ(writeBundleFile(path, bytes.data(), bytes.size()), std::nullopt);
  std::string whole = fileBytes(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(~damaged[i]);
    AlignedBuffer read;
    ASSERT_NE(readBundleFile(folder.write("b.raddle", damaged), read), std::nullopt) << i;
  }
}

TEST(BundleFile, NamesAFileThatIsMissingOrAFolder) {
  TestFolder folder;
  AlignedBuffer read;
  std::optional<std::string> missing = readBundleFile(folder.file("none.raddle"), read);
  ASSERT_TRUE(missing);
  EXPECT_NE(missing->find("none.raddle"), std::string::npos);
  EXPECT_TRUE(readBundleFile("/", read));
}

TEST(BundleFile, LeavesNothingWhenItCannotBeWritten) {
  TestFolder folder;
  std::vector<uint8_t> bytes = linearTraining(1, 2);
  std::optional<std::string> problem = writeBundleFile(folder.file("no/such/a.raddle"), bytes.data(), bytes.size());
  ASSERT_TRUE(problem);
  EXPECT_EQ(folder.count(), 0u);
}

TEST(BundleJson, IsValidJsonWithoutTheBytesOfCode) {
  TestBundle b;
  b.code(std::string(1000, 'x'));
  b.kernel("kernel \"quoted\"\n", 0, 1, 0);
  b.instruction(fb::Action::Dispatch, fb::CreateDispatch(b.builder, 0), "call");
  std::vector<uint8_t> bytes = b.finish();
  std::string json = bundleToJson(bytes.data(), bytes.size());
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  ASSERT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
  int64_t count = 0;
  EXPECT_EQ(root.at_pointer("/code/0/data/bytes").get(count), simdjson::SUCCESS) << json;
  EXPECT_EQ(count, 1000);
  std::string_view text;
  EXPECT_EQ(root.at_pointer("/kernels/0/name").get(text), simdjson::SUCCESS);
  EXPECT_EQ(text, "kernel \"quoted\"\n");
  EXPECT_EQ(root.at_pointer("/entries/0/variants/0/instructions/0/action_type").get(text), simdjson::SUCCESS);
  EXPECT_EQ(text, "Dispatch");
}

TEST(JsonText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(jsonString("a\xff\x01"), "\"a\\ufffd\\u0001\"");
  EXPECT_EQ(jsonString("\xc3\xa9"), "\"\xc3\xa9\"");
  EXPECT_EQ(jsonNumber(0.1), "0.1");
  EXPECT_EQ(jsonNumber(1.0 / 0.0), "null");
}

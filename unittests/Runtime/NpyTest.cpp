#include "TestFolder.h"

#include "raddle/runtime/Npy.h"

#include <gtest/gtest.h>

using namespace raddle::runtime;

// A version 1 file with the header as given.
static std::string npy(const std::string &header, const std::string &data) {
  std::string bytes = "\x93NUMPY";
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + data;
}

static std::string refusal(const std::string &bytes) {
  TestFolder folder;
  std::string path = folder.write("a.npy", bytes);
  return errorOf([&] { readNpy(path); });
}

TEST(Npy, ReadsWhatItWrites) {
  TestFolder folder;
  std::vector<int64_t> values = {1, -2, 3, 4, 5, 6};
  writeNpy(folder.file("a.npy"), DType::I64, {2, 3}, values.data());
  EXPECT_EQ(folder.count(), 1u);
  NpyArray array = readNpy(folder.file("a.npy"));
  EXPECT_EQ(array.dtype, DType::I64);
  EXPECT_EQ(array.shape, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(std::string(array.data.begin(), array.data.end()), bytesOf(values));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  TestFolder folder;
  float value = 2.5f;
  writeNpy(folder.file("a.npy"), DType::F32, {}, &value);
  EXPECT_TRUE(readNpy(folder.file("a.npy")).shape.empty());
  writeNpy(folder.file("b.npy"), DType::F32, {0, 3}, &value);
  EXPECT_EQ(readNpy(folder.file("b.npy")).data.size(), 0u);
}

TEST(Npy, WritesBrainFloatsAsFloats) {
  TestFolder folder;
  uint16_t value = 0x3fc0; // 1.5
  writeNpy(folder.file("a.npy"), DType::BF16, {1}, &value);
  NpyArray array = readNpy(folder.file("a.npy"));
  ASSERT_EQ(array.dtype, DType::F32);
  float read;
  memcpy(&read, array.data.data(), sizeof(read));
  EXPECT_EQ(read, 1.5f);
}

TEST(Npy, RefusesFortranOrderByName) {
  std::string why = refusal(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }\n", "abcd"));
  EXPECT_NE(why.find("Fortran order"), std::string::npos) << why;
}

TEST(Npy, RefusesBigEndianAndRecords) {
  EXPECT_NE(refusal(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "abcd")).find("'>f4'"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}\n", "abcd")).find("records"),
            std::string::npos);
}

TEST(Npy, RefusesSizesThatDoNotFit) {
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "abcd"))
                .find("takes 8 bytes, the file has 4"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}\n", ""))
                .find("overflows"),
            std::string::npos);
  EXPECT_NE(refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}\n", ""))
                .find("overflows"),
            std::string::npos);
}

TEST(Npy, RefusesEveryTruncation) {
  std::string whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n", "abcd");
  ASSERT_EQ(refusal(whole), "");
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(whole.substr(0, length)), "") << length;
}

TEST(Npy, RefusesUnknownVersionsAndKeys) {
  std::string whole = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': 1}\n", "abcd");
  EXPECT_NE(refusal(whole).find("unknown key 'extra'"), std::string::npos);
  whole[6] = 9;
  EXPECT_NE(refusal(whole).find("found 9"), std::string::npos);
}

#include "TestBundle.h"
#include "TestFolder.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Random.h"
#include "raddle/runtime/Weights.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

using namespace raddle::runtime;

static std::string safetensors(const std::string &header, const std::string &data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

static std::string writePt2(const TestFolder &folder, const std::string &entry, const std::string &bytes,
                            int method = ZIP_CM_STORE) {
  std::string path = folder.file("model.pt2");
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  zip_int64_t index =
      zip_file_add(archive, entry.c_str(), zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0);
  zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
  zip_close(archive);
  return path;
}

static std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

// The slices that the ranks get for the parameters of a bundle with one state, one after the other.
static std::vector<float> loadAll(const std::vector<uint8_t> &bytes, WeightArchive *archive, uint64_t seed = 0) {
  const fb::Bundle &bundle = *fb::GetBundle(bytes.data());
  std::vector<float> whole;
  ThreadPool pool(2);
  for (uint32_t rank = 0; rank < bundle.ranks(); ++rank) {
    std::vector<float> slice(bundle.states()->Get(0)->elements());
    loadParameters(bundle, rank, seed, archive, pool,
                   [&](const ParameterPart &part, uint64_t, const std::function<void(uint8_t *)> &fill) {
                     fill(reinterpret_cast<uint8_t *>(slice.data()) + part.offset);
                   });
    whole.insert(whole.end(), slice.begin(), slice.end());
  }
  return whole;
}

// Two parameters in a bucket: v [5] from element 0, w [3, 4] from element 8.
static std::vector<uint8_t> twoParameters(uint32_t ranks, const std::string &v, const std::string &w, fb::DType type,
                                          std::vector<uint64_t> strides = {}, uint64_t offset = 0) {
  TestBundle b;
  b.ranks = ranks;
  uint64_t slice = (20 + ranks - 1) / ranks;
  b.state("s", slice);
  b.bucket("layer", slice, 0);
  b.parameter("v", {5}, 0, 0, 0, v, v.empty() ? "normal" : "");
  b.parameter("w", {3, 4}, 0, 8, 0, w, w.empty() ? "normal" : "", type, std::move(strides), offset);
  return b.finish();
}

TEST(Weights, EveryRankGetsItsSliceOfAPt2) {
  TestFolder folder;
  std::vector<float> values = counting(12);
  std::unique_ptr<WeightArchive> archive = openWeights(writePt2(folder, "m/weight_0", bytesOf(values)));
  for (uint32_t ranks : {1u, 2u, 3u, 4u, 6u, 7u}) {
    std::vector<float> loaded =
        loadAll(twoParameters(ranks, "m/weight_0", "m/weight_0", fb::DType::F32), archive.get());
    EXPECT_EQ(std::vector<float>(loaded.begin(), loaded.begin() + 5), counting(5)) << ranks;
    EXPECT_EQ(std::vector<float>(loaded.begin() + 8, loaded.begin() + 20), values) << ranks;
    EXPECT_EQ(loaded[6], 0) << "padding is zero";
  }
}

TEST(Weights, StridesAndOffsetsOfAPt2AreFollowed) {
  TestFolder folder;
  std::vector<float> values = counting(13);
  std::unique_ptr<WeightArchive> archive = openWeights(writePt2(folder, "m/weight_0", bytesOf(values)));
  for (uint32_t ranks : {1u, 3u}) {
    // The transpose of a [4, 3] tensor that begins at the second element.
    std::vector<float> loaded =
        loadAll(twoParameters(ranks, "m/weight_0", "m/weight_0", fb::DType::F32, {1, 3}, 1), archive.get());
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 4; ++j)
        EXPECT_EQ(loaded[8 + i * 4 + j], values[1 + i + 3 * j]);
  }
}

TEST(Weights, TensorsOfSafetensorsAreConverted) {
  TestFolder folder;
  std::vector<float> values = counting(12);
  for (auto [type, name] : {std::pair{DType::F64, "F64"}, {DType::F16, "F16"}, {DType::BF16, "BF16"}}) {
    std::string data(12 * byteSize(type), '\0');
    ASSERT_TRUE(convertElements(values.data(), DType::F32, data.data(), type, 12));
    std::string header = std::string("{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"") + name +
                         "\",\"shape\":[3,4],\"data_offsets\":[0," + std::to_string(data.size()) + "]}}";
    std::unique_ptr<WeightArchive> archive = openWeights(folder.write("model.safetensors", safetensors(header, data)));
    std::vector<float> loaded = loadAll(twoParameters(3, "", "w", type), archive.get());
    EXPECT_EQ(std::vector<float>(loaded.begin() + 8, loaded.begin() + 20), values) << name;
  }
}

TEST(Weights, InitialValuesAreTheSameForAnyRankCount) {
  std::vector<float> one = loadAll(twoParameters(1, "", "", fb::DType::F32), nullptr, 11);
  for (uint32_t ranks : {2u, 4u, 5u})
    EXPECT_EQ(loadAll(twoParameters(ranks, "", "", fb::DType::F32), nullptr, 11), one) << ranks;
  EXPECT_NE(loadAll(twoParameters(1, "", "", fb::DType::F32), nullptr, 12), one);
  EXPECT_NE(one[0], one[8]) << "parameters draw apart";
}

TEST(Weights, InitialValuesAreTheSameForAnyNumberOfThreads) {
  // More than one thread's share, and not a multiple of it.
  constexpr uint64_t elements = 50001;
  TestBundle b;
  b.ranks = 2;
  uint64_t slice = (elements + 1) / 2;
  b.state("s", slice);
  b.bucket("layer", slice, 0);
  b.parameter("v", {elements}, 0, 0, 0, "", "normal");
  std::vector<float> values = loadAll(b.finish(), nullptr, 5);
  for (uint64_t i = 0; i < elements; ++i)
    ASSERT_EQ(values[i], static_cast<float>(randomNormal(5, 0, i))) << "element " << i;
}

TEST(Weights, AllThatIsMissingIsOneError) {
  TestFolder folder;
  std::string path = writePt2(folder, "m/weight_0", bytesOf(counting(3)));
  std::vector<uint8_t> bytes = twoParameters(1, "m/weight_0", "m/weight_9", fb::DType::F32);
  std::string why = errorOf([&] { checkWeights(*fb::GetBundle(bytes.data()), *openWeights(path), path); });
  EXPECT_NE(why.find("parameter 'v', entry 'm/weight_0': expected at least 20 bytes, found 12"), std::string::npos)
      << why;
  EXPECT_NE(why.find("parameter 'w', entry 'm/weight_9': missing"), std::string::npos) << why;
}

TEST(Weights, CompressedEntriesAreRefused) {
  TestFolder folder;
  std::unique_ptr<WeightArchive> archive =
      openWeights(writePt2(folder, "m/weight_0", std::string(4000, 'x'), ZIP_CM_DEFLATE));
  char byte;
  EXPECT_NE(errorOf([&] { archive->read("m/weight_0", 0, &byte, 1); }).find("compressed"), std::string::npos);
}

TEST(Weights, ReadingBeyondAnEntryIsRefused) {
  TestFolder folder;
  std::unique_ptr<WeightArchive> archive = openWeights(writePt2(folder, "e", "abcd"));
  char bytes[8];
  EXPECT_THROW(archive->read("e", 2, bytes, 3), Error);
  EXPECT_THROW(archive->read("e", ~0ull, bytes, 2), Error);
  EXPECT_THROW(archive->read("f", 0, bytes, 1), Error);
  archive->read("e", 3, bytes, 1);
  EXPECT_EQ(bytes[0], 'd');
  archive->read("e", 0, bytes, 2);
  EXPECT_EQ(bytes[0], 'a');
}

TEST(Weights, AnEntryWithoutBytesIsReadAgain) {
  TestFolder folder;
  std::unique_ptr<WeightArchive> archive = openWeights(writePt2(folder, "e", ""));
  char byte = 'x';
  archive->read("e", 0, &byte, 0);
  archive->read("e", 0, &byte, 0);
  EXPECT_EQ(byte, 'x');
  EXPECT_THROW(archive->read("e", 0, &byte, 1), Error);
}

TEST(Weights, ArchivesThatAreNoZipAreRefused) {
  TestFolder folder;
  EXPECT_NE(errorOf([&] { openWeights(folder.write("model.pt2", "not a zip")); }).find("model.pt2"), std::string::npos);
  EXPECT_THROW(openWeights(folder.file("missing.pt2")), Error);
}

TEST(Safetensors, EveryTruncationIsRefused) {
  TestFolder folder;
  std::string whole = safetensors(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "abcdefgh");
  openSafetensors(folder.write("a.safetensors", whole));
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(openSafetensors(folder.write("a.safetensors", whole.substr(0, length))), Error) << length;
}

TEST(Safetensors, EveryFlippedByteIsReadOrRefused) {
  TestFolder folder;
  std::string whole = safetensors(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "abcdefgh");
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(~damaged[i]);
    errorOf([&] {
      char bytes[8];
      openSafetensors(folder.write("a.safetensors", damaged))->read("w", 0, bytes, sizeof(bytes));
    });
  }
}

TEST(Safetensors, HeadersThatContradictThemselvesAreRefused) {
  TestFolder folder;
  for (const char *header : {R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                             R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
                             R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,99]}})",
                             R"({"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
                             R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
                             R"({"w":{"dtype":"F32","shape":[2]}})", R"({"w":7})", R"([1])", "{"})
    EXPECT_NE(errorOf([&] { openSafetensors(folder.write("a.safetensors", safetensors(header, "abcdefgh"))); }), "")
        << header;
}

TEST(Convert, RoundsToTheNearestBrainFloat) {
  float values[] = {1.0f, 1.00390625f, 1.01171875f, -2.5f, INFINITY};
  uint16_t brains[5];
  ASSERT_TRUE(convertElements(values, DType::F32, brains, DType::BF16, 5));
  // Ties go to the even neighbour.
  EXPECT_EQ(brains[1], 0x3f80);
  EXPECT_EQ(brains[2], 0x3f82);
  EXPECT_EQ(brains[4], 0x7f80);
  float nan = NAN;
  ASSERT_TRUE(convertElements(&nan, DType::F32, brains, DType::BF16, 1));
  float back;
  ASSERT_TRUE(convertElements(brains, DType::BF16, &back, DType::F32, 1));
  EXPECT_TRUE(std::isnan(back));
  EXPECT_FALSE(convertElements(values, DType::F32, brains, DType::I16, 1));
}

TEST(Weights, RefusesStoredEntriesWhoseSizesDiffer) {
  TestFolder folder;
  std::vector<float> values = counting(4);
  std::string data(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
  std::string path = writePt2(folder, "weight", data);
  std::ifstream input(path, std::ios::binary);
  std::stringstream text;
  text << input.rdbuf();
  std::string bytes = text.str();
  // The central directory's size of what is stored: 20 bytes behind its signature.
  size_t directory = bytes.find("PK\x01\x02");
  ASSERT_NE(directory, std::string::npos);
  bytes[directory + 20] = 0;
  std::ofstream(path, std::ios::binary) << bytes;
  std::unique_ptr<WeightArchive> archive = openPt2(path);
  std::vector<char> read(data.size());
  EXPECT_NE(errorOf([&] {
              archive->read("weight", 0, read.data(), read.size());
            }).find("expected as many stored bytes as the 16 that it has, found 0"),
            std::string::npos);
}

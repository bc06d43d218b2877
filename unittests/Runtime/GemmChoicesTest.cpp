#include "cuda/GemmChoices.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <thread>
#include <unistd.h>

using raddle::runtime::cuda::GemmAlgorithm;
using raddle::runtime::cuda::GemmChoices;

class GemmChoicesTest : public testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / ("raddle-choices-" + std::to_string(::getpid()));
    path = (folder / "raddle" / "gemms.txt").string();
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::filesystem::path folder;
  std::string path;
};

TEST_F(GemmChoicesTest, AreThereForTheNextProcess) {
  GemmAlgorithm one{1, 2, 3, 4, 5, 6, 7, ~uint64_t(0)}, two{};
  GemmChoices first(path);
  EXPECT_FALSE(first.find("H200: f32 4 8"));
  first.remember("H200: f32 4 8", one);
  first.remember("H100: f32 4 8", two);
  first.save();
  GemmChoices second(path);
  EXPECT_EQ(second.find("H200: f32 4 8"), one);
  EXPECT_EQ(second.find("H100: f32 4 8"), two);
  EXPECT_FALSE(second.find("H200: f32 4 9"));
}

TEST_F(GemmChoicesTest, OfProcessesThatWriteOneAfterTheOtherAreAllKept) {
  GemmChoices first(path), second(path);
  first.remember("a", {1});
  second.remember("b", {2});
  first.save();
  second.save();
  GemmChoices third(path);
  EXPECT_TRUE(third.find("a"));
  EXPECT_TRUE(third.find("b"));
}

TEST_F(GemmChoicesTest, OfThreadsThatWriteAtATimeAreAllKept) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      GemmChoices choices(path);
      choices.remember("product " + std::to_string(i), {static_cast<uint64_t>(i)});
      choices.save();
    });
  for (std::thread &thread : threads)
    thread.join();
  GemmChoices all(path);
  for (uint64_t i = 0; i < 8; ++i)
    EXPECT_EQ(all.find("product " + std::to_string(i)), GemmAlgorithm{i});
}

TEST_F(GemmChoicesTest, ReadOnlyLinesOfTheirForm) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::string digits(128, 'a');
  std::ofstream(path) << "no digits at all\n"
                      << digits.substr(1) << "g short by one\n"
                      << digits << "\n"
                      << digits << " good\n"
                      << std::string(120, 'b') << "        spaces in digits\n"
                      << digits << " " << std::string(5000, 'x') << "\n";
  GemmChoices choices(path);
  EXPECT_EQ(choices.find("good")->front(), 0xaaaaaaaaaaaaaaaaull);
  EXPECT_FALSE(choices.find("spaces in digits"));
  EXPECT_FALSE(choices.find(" short by one"));
  EXPECT_FALSE(choices.find("short by one"));
}

TEST_F(GemmChoicesTest, AreForgottenWhereNothingCanBeWritten) {
  GemmChoices nowhere(""), denied("/proc/raddle/gemms.txt");
  nowhere.remember("a", {});
  nowhere.save();
  denied.remember("a", {});
  denied.save();
  EXPECT_TRUE(denied.find("a"));
}

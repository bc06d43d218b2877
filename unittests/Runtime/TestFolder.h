// A folder for the files of one test, removed with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

class TestFolder {
public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "raddle-test-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path); }

  std::string file(const std::string &name) const { return (path / name).string(); }

  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }

  size_t count() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path), {})); }

private:
  std::filesystem::path path;
};

template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return std::string(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(T));
}

/// The text of the error that the body throws, empty if it throws none.
template <typename Body> std::string errorOf(Body &&body) {
  try {
    body();
  } catch (const std::exception &error) {
    return error.what();
  }
  return "";
}

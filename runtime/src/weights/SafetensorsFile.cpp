#include "raddle/runtime/Error.h"
#include "raddle/runtime/WeightArchive.h"

#include <fstream>
#include <map>
#include <simdjson.h>

namespace raddle::runtime {

namespace {

// The format's own limit for its header.
constexpr uint64_t maxHeaderBytes = 100'000'000;

std::optional<DType> dtypeFromName(std::string_view name) {
  static constexpr std::pair<std::string_view, DType> names[] = {
      {"F32", DType::F32}, {"F64", DType::F64}, {"F16", DType::F16}, {"BF16", DType::BF16}, {"I64", DType::I64},
      {"I32", DType::I32}, {"I16", DType::I16}, {"I8", DType::I8},   {"U8", DType::U8},     {"BOOL", DType::Bool}};
  for (const auto &[known, dtype] : names)
    if (known == name)
      return dtype;
  return std::nullopt;
}

class SafetensorsFile : public WeightArchive {
public:
  explicit SafetensorsFile(const std::string &path) : path(path), file(path, std::ios::binary) {
    if (!file)
      throw Error("cannot open weights '" + path + "'");
    file.seekg(0, std::ios::end);
    uint64_t fileSize = static_cast<uint64_t>(file.tellg());
    uint8_t lengthBytes[8];
    if (fileSize < sizeof(lengthBytes))
      fail("it has " + std::to_string(fileSize) + " bytes, its header needs at least 8");
    readAt(0, lengthBytes, sizeof(lengthBytes));
    uint64_t headerSize = 0;
    for (int i = 0; i < 8; ++i)
      headerSize |= static_cast<uint64_t>(lengthBytes[i]) << (8 * i);
    if (headerSize > maxHeaderBytes || headerSize > fileSize - sizeof(lengthBytes))
      fail("its header of " + std::to_string(headerSize) + " bytes does not fit the file of " +
           std::to_string(fileSize));
    std::string header(headerSize, '\0');
    readAt(sizeof(lengthBytes), header.data(), header.size());
    dataStart = sizeof(lengthBytes) + headerSize;
    parseHeader(header, fileSize - dataStart);
  }

  std::optional<uint64_t> sizeOf(const std::string &entry) override {
    auto found = tensors.find(entry);
    if (found == tensors.end())
      return std::nullopt;
    return found->second.end - found->second.begin;
  }

  std::optional<DType> dtypeOf(const std::string &entry) override {
    auto found = tensors.find(entry);
    return found == tensors.end() ? std::nullopt : found->second.dtype;
  }

  void read(const std::string &entry, uint64_t offset, void *dst, size_t size) override {
    auto found = tensors.find(entry);
    if (found == tensors.end())
      fail("it has no tensor '" + entry + "'");
    uint64_t length = found->second.end - found->second.begin;
    if (offset > length || size > length - offset)
      fail("tensor '" + entry + "': bytes from " + std::to_string(offset) + ", " + std::to_string(size) +
           " of them, are wanted, it has " + std::to_string(length));
    readAt(dataStart + found->second.begin + offset, dst, size);
  }

private:
  struct Tensor {
    std::optional<DType> dtype;
    uint64_t begin, end;
  };
  std::string path;
  std::ifstream file;
  uint64_t dataStart = 0;
  std::map<std::string, Tensor> tensors;

  [[noreturn]] void fail(const std::string &reason) const { throw Error("weights '" + path + "': " + reason); }

  void readAt(uint64_t offset, void *dst, size_t size) {
    file.clear();
    file.seekg(static_cast<std::streamoff>(offset));
    file.read(static_cast<char *>(dst), static_cast<std::streamsize>(size));
    if (!file)
      fail("expected " + std::to_string(size) + " bytes from byte " + std::to_string(offset) +
           ", the file ends before");
  }

  void parseHeader(const std::string &header, uint64_t dataSize) {
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    simdjson::error_code error = parser.parse(header).get(object);
    if (error)
      fail(std::string("its header is not a JSON object: ") + simdjson::error_message(error));
    for (auto field : object)
      if (field.key != "__metadata__")
        tensors.emplace(field.key, parseTensor(std::string(field.key), field.value, dataSize));
  }

  Tensor parseTensor(const std::string &name, simdjson::dom::element element, uint64_t dataSize) const {
    std::string_view type;
    simdjson::dom::array shape, offsets;
    Tensor tensor;
    if (element["dtype"].get(type) || element["shape"].get(shape) || element["data_offsets"].get(offsets) ||
        offsets.size() != 2 || offsets.at(0).get(tensor.begin) || offsets.at(1).get(tensor.end))
      fail("tensor '" + name + "' needs dtype, shape and two data_offsets");
    if (tensor.begin > tensor.end || tensor.end > dataSize)
      fail("tensor '" + name + "': offsets " + std::to_string(tensor.begin) + " to " + std::to_string(tensor.end) +
           " do not fit the " + std::to_string(dataSize) + " bytes of data");
    // Other types may occur in the file; an error follows only where a parameter needs one.
    tensor.dtype = dtypeFromName(type);
    if (!tensor.dtype)
      return tensor;
    uint64_t bytes = byteSize(*tensor.dtype);
    for (simdjson::dom::element extent : shape) {
      uint64_t value;
      if (extent.get(value) || __builtin_mul_overflow(bytes, value, &bytes))
        fail("tensor '" + name + "' has a shape that is not made of sizes");
    }
    if (bytes != tensor.end - tensor.begin)
      fail("tensor '" + name + "': its shape takes " + std::to_string(bytes) + " bytes, its offsets " +
           std::to_string(tensor.end - tensor.begin));
    return tensor;
  }
};

} // namespace

std::unique_ptr<WeightArchive> openSafetensors(const std::string &path) {
  return std::make_unique<SafetensorsFile>(path);
}

} // namespace raddle::runtime

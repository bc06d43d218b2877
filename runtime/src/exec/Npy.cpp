#include "raddle/runtime/Npy.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/OutputFile.h"

#include <cctype>
#include <cstring>
#include <fstream>

namespace raddle::runtime {

static constexpr char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

// NumPy's names; '<' is little-endian, '|' means that there is no order.
static constexpr std::pair<const char *, DType> descriptions[] = {
    {"<f4", DType::F32}, {"<f8", DType::F64}, {"<f2", DType::F16}, {"<i8", DType::I64},  {"<i4", DType::I32},
    {"<i2", DType::I16}, {"|i1", DType::I8},  {"|u1", DType::U8},  {"|b1", DType::Bool},
};

// A complex number is a pair of these: one dimension of 2 more.
static constexpr std::pair<const char *, DType> complexDescriptions[] = {{"<c8", DType::F32}, {"<c16", DType::F64}};

namespace {

// Reads the header: a Python dictionary literal with exactly three keys.
class HeaderParser {
public:
  HeaderParser(std::string text, std::string path) : text(std::move(text)), path(std::move(path)) {}

  void parse(NpyArray &array) {
    bool seen[3] = {};
    expect('{');
    while (peek() != '}') {
      std::string key = parseString();
      expect(':');
      if (key == "descr") {
        parseDescription(array);
        seen[0] = true;
      } else if (key == "fortran_order") {
        if (parseWord() != "False")
          fail("its elements are in Fortran order; only C order is read, write it with numpy.ascontiguousarray");
        seen[1] = true;
      } else if (key == "shape") {
        parseShape(array);
        seen[2] = true;
      } else {
        fail("its header has the unknown key '" + key + "'");
      }
      if (peek() == ',')
        ++at;
    }
    if (!seen[0] || !seen[1] || !seen[2])
      fail("its header lacks 'descr', 'fortran_order' or 'shape'");
    if (isComplex)
      array.shape.push_back(2);
  }

  [[noreturn]] void fail(const std::string &reason) const { throw Error("'" + path + "': " + reason); }

private:
  std::string text, path;
  size_t at = 0;
  bool isComplex = false;

  char peek() {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
    if (at >= text.size())
      fail("its header ends too early");
    return text[at];
  }

  void expect(char c) {
    if (peek() != c)
      fail(std::string("its header is malformed: expected '") + c + "' at position " + std::to_string(at));
    ++at;
  }

  std::string parseString() {
    expect('\'');
    size_t end = text.find('\'', at);
    if (end == std::string::npos)
      fail("its header has a string without an end");
    std::string result = text.substr(at, end - at);
    at = end + 1;
    return result;
  }

  std::string parseWord() {
    peek();
    size_t begin = at;
    while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])))
      ++at;
    return text.substr(begin, at - begin);
  }

  void parseDescription(NpyArray &array) {
    if (peek() != '\'')
      fail("its elements are records, expected numbers");
    std::string name = parseString();
    for (const auto &[known, dtype] : descriptions)
      if (name == known) {
        array.dtype = dtype;
        return;
      }
    for (const auto &[known, part] : complexDescriptions)
      if (name == known) {
        array.dtype = part;
        isComplex = true;
        return;
      }
    fail("element type '" + name +
         "' is not supported; expected little-endian f2, f4, f8, c8, c16, i1 to i8, u1 or bool");
  }

  void parseShape(NpyArray &array) {
    expect('(');
    while (peek() != ')') {
      uint64_t extent = 0;
      if (!std::isdigit(static_cast<unsigned char>(peek())))
        fail("its shape is malformed");
      for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at)
        if (__builtin_mul_overflow(extent, 10, &extent) ||
            __builtin_add_overflow(extent, static_cast<uint64_t>(text[at] - '0'), &extent))
          fail("its shape overflows");
      array.shape.push_back(extent);
      if (peek() == ',')
        ++at;
    }
    ++at;
  }
};

} // namespace

static uint64_t readLength(std::ifstream &file, size_t bytes) {
  uint8_t raw[4] = {};
  file.read(reinterpret_cast<char *>(raw), static_cast<std::streamsize>(bytes));
  return raw[0] | raw[1] << 8 | raw[2] << 16 | static_cast<uint64_t>(raw[3]) << 24;
}

NpyArray readNpy(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error("cannot open '" + path + "'");
  file.seekg(0, std::ios::end);
  uint64_t fileSize = static_cast<uint64_t>(file.tellg());
  file.seekg(0);
  char start[8] = {};
  file.read(start, sizeof(start));
  if (!file || std::memcmp(start, magic, sizeof(magic)) != 0)
    throw Error("'" + path + "' is not a .npy file");
  int version = start[6];
  if (version < 1 || version > 3)
    throw Error("'" + path + "': expected version 1, 2 or 3 of the format, found " + std::to_string(version));
  uint64_t length = readLength(file, version == 1 ? 2 : 4);
  uint64_t position = static_cast<uint64_t>(file ? static_cast<int64_t>(file.tellg()) : 0);
  if (!file || length > fileSize - position)
    throw Error("'" + path + "': its header of " + std::to_string(length) + " bytes exceeds the file of " +
                std::to_string(fileSize));
  std::string header(length, '\0');
  file.read(header.data(), static_cast<std::streamsize>(length));
  NpyArray array;
  HeaderParser parser(std::move(header), path);
  parser.parse(array);
  uint64_t bytes = byteSize(array.dtype);
  for (uint64_t extent : array.shape)
    if (__builtin_mul_overflow(bytes, extent, &bytes))
      parser.fail("its shape overflows");
  uint64_t available = fileSize - position - length;
  if (bytes != available)
    parser.fail("its shape takes " + std::to_string(bytes) + " bytes, the file has " + std::to_string(available));
  array.data.resize(bytes);
  file.read(reinterpret_cast<char *>(array.data.data()), static_cast<std::streamsize>(bytes));
  if (!file)
    parser.fail("it cannot be read to its end");
  return array;
}

void writeNpy(const std::string &path, DType dtype, const std::vector<uint64_t> &shape, const void *data,
              bool isComplex) {
  uint64_t elements = 1;
  std::string extents;
  for (size_t dim = 0; dim < shape.size(); ++dim) {
    elements *= shape[dim];
    if (!isComplex || dim + 1 < shape.size())
      extents += std::to_string(shape[dim]) + ",";
  }
  std::vector<float> converted;
  if (dtype == DType::BF16) {
    converted.resize(elements);
    convertElements(data, dtype, converted.data(), DType::F32, elements);
    dtype = DType::F32;
    data = converted.data();
  }
  const char *description = nullptr;
  for (const auto &[name, known] : descriptions)
    if (known == dtype)
      description = name;
  for (const auto &[name, part] : complexDescriptions)
    if (isComplex && part == dtype)
      description = name;
  std::string header =
      std::string("{'descr': '") + description + "', 'fortran_order': False, 'shape': (" + extents + "), }";
  // The format wants the data aligned, the header padded with spaces and ended by a newline.
  constexpr size_t alignment = 64, prefix = sizeof(magic) + 4;
  header.append(alignment - 1 - (prefix + header.size()) % alignment, ' ');
  header += '\n';
  OutputFile file(path);
  file.write(magic, sizeof(magic));
  const char rest[4] = {1, 0, static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  file.write(rest, sizeof(rest));
  file.write(header);
  file.write(data, elements * byteSize(dtype));
  file.commit();
}

} // namespace raddle::runtime

#include "raddle/Plan/ReadParameters.h"

#include <simdjson.h>

#include <map>

namespace raddle::plan {

namespace {

using simdjson::dom::element;

/// The format's own limit for its header.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr uint64_t kLengthBytes = 8;

/// Which of two values is meant, nobody can tell.
void refuseRepeatedKeys(simdjson::dom::object object, const std::string &what, std::vector<std::string> &problems) {
  std::map<std::string_view, int> times;
  for (auto field : object)
    if (++times[field.key] == 2)
      problems.push_back(what + ": '" + std::string(field.key) + "' is given more than once");
}

/// Fills one parameter from the members of an object, with a message for each that is not as it must be.
class ParameterReader {
public:
  ParameterReader(simdjson::dom::object object, std::string what, std::vector<std::string> &problems)
      : object(object), what(std::move(what)), problems(problems) {
    refuseRepeatedKeys(object, this->what, problems);
  }

  bool text(const char *key, std::string &value, bool isOptional = false) {
    element member;
    if (object.at_key(key).get(member))
      return isOptional || fail(key, "is missing");
    std::string_view view;
    if (member.get(view))
      return fail(key, "is no text");
    value = view;
    return value.empty() && !isOptional ? fail(key, "is empty") : true;
  }

  bool shape(std::vector<int64_t> &extents) {
    element member;
    simdjson::dom::array array;
    if (object.at_key("shape").get(member))
      return fail("shape", "is missing");
    if (member.get(array))
      return fail("shape", "is no list");
    for (element item : array) {
      int64_t extent;
      if (item.get(extent) || extent < 0)
        return fail("shape", "has the extent " + simdjson::minify(item) + ", expected an integer from 0 on");
      extents.push_back(extent);
    }
    return true;
  }

  bool block(std::optional<Block> &block) {
    element member;
    if (object.at_key("block").get(member))
      return true;
    if (member.is_null()) {
      block = Block();
      return true;
    }
    std::string_view text;
    if (!member.get(text)) {
      block = parseBlock(text);
    } else if (simdjson::dom::array array; !member.get(array) && array.size() == 2) {
      int64_t rows, columns;
      if (!array.at(0).get(rows) && !array.at(1).get(columns) && rows > 0 && columns > 0)
        block = Block{Block::Kind::Tile, rows, columns};
    }
    return block || fail("block", "is " + simdjson::minify(member) + ", expected [R, C] with R and C from 1 on");
  }

private:
  bool fail(const std::string &key, const std::string &problem) {
    problems.push_back(what + ": '" + key + "' " + problem);
    return false;
  }

  simdjson::dom::object object;
  std::string what;
  std::vector<std::string> &problems;
};

bool parse(simdjson::dom::parser &parser, std::string_view text, const char *what, simdjson::dom::object &object,
           std::vector<std::string> &problems) {
  if (simdjson::error_code error = parser.parse(text.data(), text.size()).get(object)) {
    problems.push_back(std::string(what) + " is not a JSON object: " + simdjson::error_message(error));
    return false;
  }
  return true;
}

} // namespace

ParameterList parseParameterJson(std::string_view text) {
  ParameterList list;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (!parse(parser, text, "the file", object, list.problems))
    return list;
  refuseRepeatedKeys(object, "the file", list.problems);
  simdjson::dom::array params;
  if (object.at_key("params").get(params)) {
    list.problems.push_back("expected a list 'params' of parameters");
    return list;
  }
  for (element item : params) {
    std::string what = "parameter " + std::to_string(list.parameters.size());
    Parameter &parameter = list.parameters.emplace_back();
    simdjson::dom::object members;
    if (item.get(members)) {
      list.problems.push_back(what + " is no object");
      continue;
    }
    if (std::string_view name; !members.at_key("name").get(name))
      what += " '" + std::string(name) + "'";
    ParameterReader reader(members, what, list.problems);
    reader.text("name", parameter.name);
    reader.shape(parameter.shape);
    reader.text("dtype", parameter.dtype);
    reader.text("bucket", parameter.bucket, true);
    reader.block(parameter.block);
  }
  return list;
}

std::optional<uint64_t> safetensorsHeaderEnd(std::string_view bytes) {
  if (bytes.size() < kLengthBytes)
    return std::nullopt;
  uint64_t size = 0;
  for (uint64_t i = 0; i < kLengthBytes; ++i)
    size |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  if (size > kMaxHeaderBytes)
    return std::nullopt;
  return size + kLengthBytes;
}

/// The offsets must fit the shape; the data itself need not be there.
static void checkOffsets(simdjson::dom::object members, const Parameter &parameter,
                         std::vector<std::string> &problems) {
  simdjson::dom::array offsets;
  uint64_t begin, end;
  std::string what = "tensor '" + parameter.name + "'";
  if (members.at_key("data_offsets").get(offsets) || offsets.size() != 2 || offsets.at(0).get(begin) ||
      offsets.at(1).get(end) || begin > end) {
    problems.push_back(what + ": expected two rising 'data_offsets'");
    return;
  }
  std::optional<int64_t> elements = countElements(parameter.shape);
  int bits = bitsOf(parameter.dtype);
  if (elements && bits != 0 && (static_cast<uint64_t>(*elements) * bits + 7) / 8 != end - begin)
    problems.push_back(what + ": its shape takes " + std::to_string((static_cast<uint64_t>(*elements) * bits + 7) / 8) +
                       " bytes, its offsets " + std::to_string(end - begin));
}

ParameterList parseSafetensorsHeader(std::string_view bytes) {
  ParameterList list;
  std::optional<uint64_t> end = safetensorsHeaderEnd(bytes);
  if (!end || *end > bytes.size()) {
    list.problems.push_back("not a safetensors file: its header is missing or does not fit the file of " +
                            std::to_string(bytes.size()) + " bytes");
    return list;
  }
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (!parse(parser, bytes.substr(kLengthBytes, *end - kLengthBytes), "the header", object, list.problems))
    return list;
  for (auto field : object) {
    if (field.key == "__metadata__")
      continue;
    Parameter &parameter = list.parameters.emplace_back();
    parameter.name = field.key;
    std::string what = "tensor '" + parameter.name + "'";
    simdjson::dom::object members;
    if (field.value.get(members)) {
      list.problems.push_back(what + " is no object");
      continue;
    }
    ParameterReader reader(members, what, list.problems);
    bool hasType = reader.text("dtype", parameter.dtype);
    if (reader.shape(parameter.shape) && hasType)
      checkOffsets(members, parameter, list.problems);
  }
  return list;
}

} // namespace raddle::plan

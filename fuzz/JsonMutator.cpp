#include "JsonMutator.h"
#include "llvm/Support/FormatVariadic.h"
#include <random>
#include <vector>

using namespace llvm;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace raddle::fuzz {

static constexpr unsigned maxDepth = 256, maxChanges = 4;

Expected<json::Value> parseJson(StringRef text) {
  unsigned depth = 0, deepest = 0;
  for (char c : text) {
    depth += c == '[' || c == '{';
    depth -= depth && (c == ']' || c == '}');
    deepest = std::max(deepest, depth);
  }
  if (deepest > maxDepth)
    return createStringError(inconvertibleErrorCode(), "nested too deep");
  return json::parse(text);
}

namespace {

class Mutator {
public:
  Mutator(unsigned seed, ArrayRef<std::string> operators) : draw(seed), operators(operators) {}

  void change(json::Value &document) {
    for (unsigned left = 1 + draw() % maxChanges; left; --left) {
      values.clear();
      collect(document);
      changeOne(*values[draw() % values.size()]);
    }
  }

private:
  std::minstd_rand draw;
  ArrayRef<std::string> operators;
  std::vector<json::Value *> values;

  void collect(json::Value &value) {
    values.push_back(&value);
    if (json::Object *object = value.getAsObject())
      for (auto &entry : *object)
        collect(entry.second);
    else if (json::Array *array = value.getAsArray())
      for (json::Value &element : *array)
        collect(element);
  }

  const json::Value &any() { return *values[draw() % values.size()]; }

  // A value of the same kind from elsewhere in the document, if a few attempts find one.
  const json::Value &sibling(const json::Value &value) {
    constexpr unsigned attempts = 64;
    for (unsigned i = 0; i < attempts; ++i)
      if (const json::Value &other = any(); other.kind() == value.kind())
        return other;
    return any();
  }

  void changeOne(json::Value &value) {
    // Copied before it is assigned, as it may be inside of what it replaces.
    switch (draw() % 8) {
    case 0:
      value = json::Value(any());
      return;
    case 1:
      value = json::Value(sibling(value));
      return;
    case 2:
      value = literal();
      return;
    default:
      break;
    }
    if (json::Object *object = value.getAsObject())
      changeObject(*object);
    else if (json::Array *array = value.getAsArray())
      changeArray(*array);
    else if (std::optional<StringRef> text = value.getAsString())
      value = changedText(*text);
    else if (std::optional<int64_t> number = value.getAsInteger())
      value = changedNumber(*number);
    else
      value = literal();
  }

  json::Value literal() {
    static const json::Value literals[] = {
        nullptr, true,          false,          0,  -1,         1,           2,    int64_t(1) << 62, INT64_MIN,
        1.5,     json::Array(), json::Object(), "", "Infinity", "-Infinity", 1e300};
    return literals[draw() % std::size(literals)];
  }

  json::Value changedNumber(int64_t number) {
    switch (draw() % 4) {
    case 0:
      return int64_t(uint64_t(number) + draw() % 7 - 3);
    case 1:
      return int64_t(0 - uint64_t(number));
    case 2:
      return int64_t(uint64_t(1) << draw() % 64);
    default:
      return int64_t(draw() % 9);
    }
  }

  json::Value changedText(StringRef text) {
    if (text.starts_with("torch.ops.") && draw() % 4)
      return "torch.ops." + operators[draw() % operators.size()];
    std::string copy = text.str();
    if (!copy.empty() && draw() % 2)
      copy[draw() % copy.size()] = char(' ' + draw() % 95);
    else
      copy += sibling(json::Value(text)).getAsString().value_or("x");
    return copy;
  }

  void changeObject(json::Object &object) {
    if (object.empty())
      return;
    auto entry = std::next(object.begin(), draw() % object.size());
    std::string key = entry->first.str(), otherKey = key;
    json::Value copy = entry->second;
    // Before anything of `values` goes away.
    if (draw() % 2)
      if (const json::Object *other = any().getAsObject(); other && !other->empty())
        otherKey = std::next(other->begin(), draw() % other->size())->first.str();
    if (draw() % 2)
      object.erase(key);
    if (draw() % 2)
      object.try_emplace(otherKey, std::move(copy));
  }

  void changeArray(json::Array &array) {
    if (array.empty()) {
      array.push_back(json::Value(any()));
      return;
    }
    size_t i = draw() % array.size(), j = draw() % array.size();
    switch (draw() % 4) {
    case 0:
      array.erase(array.begin() + i);
      break;
    case 1: {
      json::Value copy = array[i];
      array.insert(array.begin() + j, std::move(copy));
      break;
    }
    case 2:
      std::swap(array[i], array[j]);
      break;
    case 3: {
      json::Value copy = any();
      array.insert(array.begin() + j, std::move(copy));
      break;
    }
    }
  }
};

} // namespace

size_t mutateJson(uint8_t *data, size_t size, size_t maxSize, unsigned seed, ArrayRef<std::string> operators) {
  constexpr unsigned oneInBytes = 16;
  Expected<json::Value> document = parseJson(StringRef(reinterpret_cast<char *>(data), size));
  if (!document || seed % oneInBytes == 0) {
    consumeError(document.takeError());
    return LLVMFuzzerMutate(data, size, maxSize);
  }
  Mutator(seed, operators).change(*document);
  std::string text = formatv("{0}", *document).str();
  if (text.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

} // namespace raddle::fuzz

#include "raddle/runtime/BundleFile.h"

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/JsonText.h"

#include "flatbuffers/minireflect.h"

namespace raddle::runtime {

namespace {

// Visits a FlatBuffer through its reflection tables, so that a new field is printed without a change here.
class JsonPrinter : public flatbuffers::IterationVisitor {
public:
  std::string text;

  void StartSequence() override {
    text += '{';
    fieldsBefore.push_back(0);
  }
  void EndSequence() override {
    text += '}';
    fieldsBefore.pop_back();
  }
  void Field(size_t, size_t, flatbuffers::ElementaryType, bool, const flatbuffers::TypeTable *, const char *name,
             const uint8_t *value) override {
    if (!value)
      return;
    if (fieldsBefore.back()++ != 0)
      text += ',';
    text += jsonString(name) + ":";
  }

  void StartVector() override {
    text += '[';
    bytes = 0;
  }
  void Element(size_t i, flatbuffers::ElementaryType type, const flatbuffers::TypeTable *table,
               const uint8_t *) override {
    // Vectors of plain bytes hold code and constants only.
    if (type == flatbuffers::ET_UCHAR && !table) {
      bytes = i + 1;
      return;
    }
    if (i != 0)
      text += ',';
  }
  void EndVector() override {
    if (bytes != 0) {
      text.pop_back();
      text += "{\"bytes\":" + std::to_string(bytes) + "}";
      bytes = 0;
      return;
    }
    text += ']';
  }

  void UType(uint8_t value, const char *name) override { number(value, name); }
  void Bool(bool value) override { text += value ? "true" : "false"; }
  void Char(int8_t value, const char *name) override { number(value, name); }
  void UChar(uint8_t value, const char *name) override {
    if (bytes == 0)
      number(value, name);
  }
  void Short(int16_t value, const char *name) override { number(value, name); }
  void UShort(uint16_t value, const char *name) override { number(value, name); }
  void Int(int32_t value, const char *name) override { number(value, name); }
  void UInt(uint32_t value, const char *name) override { number(value, name); }
  void Long(int64_t value) override { text += std::to_string(value); }
  void ULong(uint64_t value) override { text += std::to_string(value); }
  void Float(float value) override { text += jsonNumber(value); }
  void Double(double value) override { text += jsonNumber(value); }
  void String(const flatbuffers::String *value) override {
    text += jsonString(std::string_view(value->c_str(), value->size()));
  }
  void Unknown(const uint8_t *) override { text += "null"; }

private:
  std::vector<size_t> fieldsBefore;
  size_t bytes = 0;

  template <typename Integer> void number(Integer value, const char *name) {
    text += name ? jsonString(name) : std::to_string(value);
  }
};

} // namespace

std::string bundleToJson(const uint8_t *data, size_t) {
  JsonPrinter printer;
  flatbuffers::IterateFlatBuffer(data, bundle::BundleTypeTable(), &printer);
  return std::move(printer.text);
}

} // namespace raddle::runtime

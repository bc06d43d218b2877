#ifndef RADDLE_LIB_IMPORT_PROGRAMREADER_H
#define RADDLE_LIB_IMPORT_PROGRAMREADER_H

#include "Program.h"
#include <simdjson.h>

namespace raddle::import {

/// Where in the document a reader is, for its error.
struct Place {
  const char *what;
  llvm::StringRef name;
};

/// Reads members of JSON values. The first that is missing or of another type is the reader's error; from then on
/// every read gives an empty value, so that callers check once; an empty Object or Array must not be read otherwise.
class ProgramReader {
public:
  using Element = simdjson::dom::element;
  using Object = simdjson::dom::object;
  using Array = simdjson::dom::array;

  bool failed() const { return !message.empty(); }
  llvm::Error takeError();
  void fail(const llvm::Twine &text, Place place);

  /// The member `key` of `object` as a T: Object, Array, bool, int64_t, double or llvm::StringRef.
  template <typename T> T member(Object object, const char *key, Place place) {
    T value{};
    if (failed())
      return value;
    Element element;
    if (object.at_key(key).get(element) || !convert(element, value))
      fail(llvm::Twine("'") + key + "' is missing or of another type", place);
    return value;
  }

  /// The same for a member that may be missing or null.
  template <typename T> std::optional<T> optionalMember(Object object, const char *key, Place place) {
    Element element;
    if (failed() || object.at_key(key).get(element) || element.is_null())
      return std::nullopt;
    T value{};
    if (convert(element, value))
      return value;
    fail(llvm::Twine("'") + key + "' is of another type", place);
    return std::nullopt;
  }

  template <typename T> T as(Element element, const char *expected, Place place) {
    T value{};
    if (!failed() && !convert(element, value))
      fail(llvm::Twine("expected ") + expected, place);
    return value;
  }

  /// The items of the list `key` and the fields of the object `key`; none after a failure, so that loops over them are
  /// safe.
  std::vector<Element> items(Object object, const char *key, Place place);
  std::vector<std::pair<llvm::StringRef, Element>> fields(Object object, const char *key, Place place);

  /// The key and value of a union: an object that has one member.
  std::pair<llvm::StringRef, Element> unionMember(Element element, Place place);

  SymbolicInt symbolicInt(Element element, Place place);
  TensorMeta tensorMeta(Object object, Place place);
  Argument argument(Element element, Place place);

private:
  template <typename T> static bool convert(Element element, T &value) {
    if constexpr (std::is_same_v<T, llvm::StringRef>) {
      std::string_view text;
      if (element.get(text))
        return false;
      value = llvm::StringRef(text.data(), text.size());
      return true;
    } else {
      return !element.get(value);
    }
  }

  Argument list(Array array, llvm::StringRef key, Place place);
  double real(Element element, Place place);

  std::string message;
};

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_PROGRAMREADER_H

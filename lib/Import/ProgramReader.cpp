#include "ProgramReader.h"
#include "llvm/ADT/StringSwitch.h"
#include <limits>

using namespace llvm;

namespace raddle::import {

Error ProgramReader::takeError() {
  if (!failed())
    return Error::success();
  return createStringError(inconvertibleErrorCode(), message);
}

void ProgramReader::fail(const Twine &text, Place place) {
  if (failed())
    return;
  message = place.name.empty() ? (Twine(place.what) + ": " + text).str()
                               : (Twine(place.what) + " '" + place.name + "': " + text).str();
}

std::vector<ProgramReader::Element> ProgramReader::items(Object object, const char *key, Place place) {
  std::vector<Element> result;
  auto array = member<Array>(object, key, place);
  if (!failed())
    for (Element element : array)
      result.push_back(element);
  return result;
}

std::vector<std::pair<StringRef, ProgramReader::Element>> ProgramReader::fields(Object object, const char *key,
                                                                                Place place) {
  std::vector<std::pair<StringRef, Element>> result;
  auto value = member<Object>(object, key, place);
  if (!failed())
    for (auto field : value)
      result.emplace_back(StringRef(field.key.data(), field.key.size()), field.value);
  return result;
}

std::pair<StringRef, ProgramReader::Element> ProgramReader::unionMember(Element element, Place place) {
  if (failed())
    return {};
  Object object;
  if (element.get(object) || object.begin() == object.end()) {
    fail("expected an object that names its kind", place);
    return {};
  }
  auto first = *object.begin();
  return {StringRef(first.key.data(), first.key.size()), first.value};
}

SymbolicInt ProgramReader::symbolicInt(Element element, Place place) {
  SymbolicInt result;
  auto [kind, value] = unionMember(element, place);
  if (failed())
    return result;
  if (kind == "as_int") {
    result.value = as<int64_t>(value, "an integer of 64 bits", place);
  } else if (kind == "as_expr") {
    auto object = as<Object>(value, "an expression", place);
    result.expression = member<StringRef>(object, "expr_str", place);
    if (!failed() && result.expression.empty())
      fail("an expression is empty", place);
    // Of a floating-point expression the hint is no integer; it is not needed then.
    if (auto hint = optionalMember<Object>(object, "hint", place)) {
      int64_t number;
      if (!hint->at_key("as_int").get(number))
        result.hint = number;
    }
  } else {
    fail("expected an integer or an expression, got '" + kind + "'", place);
  }
  return result;
}

TensorMeta ProgramReader::tensorMeta(Object object, Place place) {
  TensorMeta meta;
  meta.dtype = member<int64_t>(object, "dtype", place);
  for (Element size : items(object, "sizes", place))
    meta.sizes.push_back(symbolicInt(size, place));
  for (Element stride : items(object, "strides", place))
    meta.strides.push_back(symbolicInt(stride, place));
  meta.offset = symbolicInt(member<Element>(object, "storage_offset", place), place);
  meta.requiresGrad = member<bool>(object, "requires_grad", place);
  meta.device = member<StringRef>(member<Object>(object, "device", place), "type", place);
  constexpr int64_t kStrided = 7;
  if (member<int64_t>(object, "layout", place) != kStrided)
    fail("the tensor is not dense", place);
  return meta;
}

double ProgramReader::real(Element element, Place place) {
  double value = 0;
  if (failed() || !element.get(value))
    return value;
  // JSON has no numbers for these.
  auto text = as<StringRef>(element, "a number", place);
  auto special = StringSwitch<std::optional<double>>(text)
                     .Case("Infinity", std::numeric_limits<double>::infinity())
                     .Case("-Infinity", -std::numeric_limits<double>::infinity())
                     .Case("NaN", std::numeric_limits<double>::quiet_NaN())
                     .Default(std::nullopt);
  if (!special)
    fail("expected a number, got '" + text + "'", place);
  return special.value_or(0);
}

Argument ProgramReader::list(Array array, StringRef itemKind, Place place) {
  Argument result;
  result.kind = Argument::Kind::List;
  if (failed())
    return result;
  for (Element element : array) {
    Argument item;
    if (itemKind == "as_tensor") {
      item.kind = Argument::Kind::Tensor;
      item.text = member<StringRef>(as<Object>(element, "a tensor", place), "name", place);
    } else if (itemKind == "as_int") {
      item.kind = Argument::Kind::Int;
      item.integer = as<int64_t>(element, "an integer of 64 bits", place);
    } else if (itemKind == "as_float") {
      item.kind = Argument::Kind::Float;
      item.real = real(element, place);
    } else if (itemKind == "as_bool") {
      item.kind = Argument::Kind::Bool;
      item.integer = as<bool>(element, "a boolean", place);
    } else if (itemKind == "as_sym_int") {
      auto [kind, value] = unionMember(element, place);
      item.kind = kind == "as_name" ? Argument::Kind::SymbolicInt : Argument::Kind::Int;
      if (kind == "as_name")
        item.text = as<StringRef>(value, "a name", place);
      else
        item.integer = as<int64_t>(value, "an integer of 64 bits", place);
    } else {
      item = argument(element, place);
    }
    if (failed())
      break;
    result.items.push_back(std::move(item));
  }
  return result;
}

Argument ProgramReader::argument(Element element, Place place) {
  using Kind = Argument::Kind;
  Argument result;
  auto [key, value] = unionMember(element, place);
  if (failed())
    return result;

  // A symbolic number is a name, or a plain number.
  auto symbolic = [&, value = value](Kind kind) {
    auto [form, number] = unionMember(value, place);
    if (failed())
      return;
    result.kind = kind;
    if (form == "as_name") {
      result.text = as<StringRef>(number, "a name", place);
    } else if (form == "as_int") {
      result.kind = Kind::Int;
      result.integer = as<int64_t>(number, "an integer of 64 bits", place);
    } else if (form == "as_float") {
      result.kind = Kind::Float;
      result.real = real(number, place);
    } else {
      result.kind = Kind::Bool;
      result.integer = as<bool>(number, "a boolean", place);
    }
  };

  if (key == "as_none") {
    result.kind = Kind::None;
  } else if (key == "as_tensor") {
    result.kind = Kind::Tensor;
    result.text = member<StringRef>(as<Object>(value, "a tensor", place), "name", place);
  } else if (key == "as_int") {
    result.kind = Kind::Int;
    result.integer = as<int64_t>(value, "an integer of 64 bits", place);
  } else if (key == "as_float") {
    result.kind = Kind::Float;
    result.real = real(value, place);
  } else if (key == "as_complex") {
    auto number = as<Object>(value, "a complex number", place);
    result.kind = Kind::Complex;
    result.real = real(member<Element>(number, "real", place), place);
    result.imaginary = real(member<Element>(number, "imag", place), place);
  } else if (key == "as_bool") {
    result.kind = Kind::Bool;
    result.integer = as<bool>(value, "a boolean", place);
  } else if (key == "as_string") {
    result.kind = Kind::String;
    result.text = as<StringRef>(value, "a string", place);
  } else if (key == "as_scalar_type") {
    result.kind = Kind::Dtype;
    result.integer = as<int64_t>(value, "a dtype", place);
  } else if (key == "as_sym_int") {
    symbolic(Kind::SymbolicInt);
  } else if (key == "as_sym_float") {
    symbolic(Kind::SymbolicFloat);
  } else if (key == "as_sym_bool") {
    symbolic(Kind::SymbolicBool);
  } else if (key == "as_optional_tensor") {
    return argument(value, place);
  } else if (key == "as_tensors" || key == "as_ints" || key == "as_floats" || key == "as_bools" ||
             key == "as_sym_ints") {
    return list(as<Array>(value, "a list", place), key.drop_back(), place);
  } else if (key == "as_optional_tensors") {
    return list(as<Array>(value, "a list", place), "", place);
  } else {
    // Devices, layouts, memory formats say nothing about values; what an operator cannot do without, its handler asks
    // for.
    result.kind = Kind::Other;
    result.text = key;
  }
  return result;
}

} // namespace raddle::import

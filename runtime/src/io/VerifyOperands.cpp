#include "Verifier.h"

namespace raddle::runtime::verify {

std::optional<uint64_t> OperandChecker::bufferBytes(bundle::Space space, uint32_t index, const std::string &prefix) {
  auto absent = [&](const char *table, size_t count) {
    report.add(prefix + table + " " + std::to_string(index) + " does not exist, there are " + std::to_string(count));
    return std::nullopt;
  };
  switch (space) {
  case bundle::Space::Arena:
    return variant.arena_bytes();
  case bundle::Space::State: {
    if (index >= sizeOf(bundle.states()))
      return absent("state", sizeOf(bundle.states()));
    const bundle::State &state = *bundle.states()->Get(index);
    return state.elements() * byteSize(state.dtype());
  }
  case bundle::Space::Input: {
    if (index >= sizeOf(variant.inputs()))
      return absent("input", sizeOf(variant.inputs()));
    const bundle::Input &input = *variant.inputs()->Get(index);
    return *countElements(input.shape(), input.dtype()) * byteSize(input.dtype());
  }
  case bundle::Space::Output: {
    if (index >= sizeOf(variant.outputs()))
      return absent("output", sizeOf(variant.outputs()));
    const bundle::Output &output = *variant.outputs()->Get(index);
    return *countElements(output.shape(), output.dtype()) * byteSize(output.dtype());
  }
  case bundle::Space::Constant:
    if (index >= sizeOf(bundle.constants()))
      return absent("constant", sizeOf(bundle.constants()));
    return sizeOf(bundle.constants()->Get(index)->data());
  }
  report.add(prefix + "unknown space " + std::to_string(static_cast<int>(space)));
  return std::nullopt;
}

// A rank's part of a caller's array is aligned to its elements and to no more.
uint64_t OperandChecker::elementBytes(bundle::Space space, uint32_t index) const {
  if (space == bundle::Space::Input)
    return byteSize(variant.inputs()->Get(index)->dtype());
  if (space == bundle::Space::Output)
    return byteSize(variant.outputs()->Get(index)->dtype());
  return sizeof(uint64_t);
}

std::optional<Place> OperandChecker::check(const bundle::Operand *operand, const std::string &where,
                                           const std::string &what, bool written) {
  std::string prefix = where + ": " + what + ": ";
  if (!operand) {
    report.add(prefix + "it is missing");
    return std::nullopt;
  }
  if (!isKnown(operand->dtype())) {
    report.add(prefix + "unknown element type " + std::to_string(static_cast<int>(operand->dtype())));
    return std::nullopt;
  }
  std::optional<uint64_t> elements = countElements(operand->shape(), operand->dtype());
  if (!elements) {
    report.add(prefix + "the size of its shape overflows");
    return std::nullopt;
  }
  std::optional<uint64_t> available = bufferBytes(operand->space(), operand->index(), prefix);
  if (!available)
    return std::nullopt;
  const char *space = bundle::EnumNameSpace(operand->space());
  uint64_t width = byteSize(operand->dtype()), bytes = *elements * width, end;
  if (__builtin_add_overflow(operand->offset(), bytes, &end) || end > *available) {
    report.add(prefix + std::to_string(bytes) + " bytes from byte " + std::to_string(operand->offset()) +
               " exceed the " + std::to_string(*available) + " bytes of " + space + " " +
               std::to_string(operand->index()));
    return std::nullopt;
  }
  if (operand->offset() % width != 0) {
    report.add(prefix + "offset " + std::to_string(operand->offset()) + " is not a multiple of the " +
               std::to_string(width) + " bytes of " + nameOf(operand->dtype()));
    return std::nullopt;
  }
  if (width > elementBytes(operand->space(), operand->index())) {
    report.add(prefix + "its elements of " + nameOf(operand->dtype()) + " are wider than those of " + space + " " +
               std::to_string(operand->index()));
    return std::nullopt;
  }
  if (written && (operand->space() == bundle::Space::Input || operand->space() == bundle::Space::Constant)) {
    report.add(prefix + "it is written, but space " + space + " is read only");
    return std::nullopt;
  }
  uint32_t index = operand->space() == bundle::Space::Arena ? 0 : operand->index();
  return Place{operand->space(), index, operand->offset(), end, *elements, operand->dtype()};
}

} // namespace raddle::runtime::verify

#include "Tables.h"

using namespace mlir;

namespace raddle {

std::optional<bundle::DType> dtypeOf(Type element) {
  if (element.isF32())
    return bundle::DType::F32;
  if (element.isF64())
    return bundle::DType::F64;
  if (element.isF16())
    return bundle::DType::F16;
  if (element.isBF16())
    return bundle::DType::BF16;
  if (element.isInteger(64))
    return bundle::DType::I64;
  if (element.isInteger(32))
    return bundle::DType::I32;
  if (element.isInteger(16))
    return bundle::DType::I16;
  if (element.isInteger(8))
    return element.isUnsignedInteger() ? bundle::DType::U8 : bundle::DType::I8;
  if (element.isInteger(1))
    return bundle::DType::Bool;
  return std::nullopt;
}

Offset<flatbuffers::Vector<uint64_t>> writeShape(flatbuffers::FlatBufferBuilder &builder, ArrayRef<int64_t> shape) {
  std::vector<uint64_t> extents(shape.begin(), shape.end());
  return builder.CreateVector(extents);
}

bundle::DType seenType(Type element, DictionaryAttr attributes) {
  return attributes.contains("nn.unsigned") ? bundle::DType::U8 : *dtypeOf(element);
}

StringRef stringIn(DictionaryAttr dictionary, StringRef key) {
  auto value = dictionary.getAs<StringAttr>(key);
  return value ? value.getValue() : StringRef();
}

} // namespace raddle

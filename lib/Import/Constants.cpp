#include "Arguments.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;

namespace raddle::import {

int64_t storageBytes(Type element) { return std::max(element.getIntOrFloatBitWidth() / 8, 1u); }

std::optional<uint64_t> requiredBytes(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides, int64_t offset,
                                      int64_t elementBytes) {
  if (offset < 0 || shape.size() != strides.size())
    return std::nullopt;
  int64_t last = offset;
  bool isEmpty = false;
  for (auto [size, stride] : llvm::zip(shape, strides)) {
    int64_t step;
    if (size < 0 || stride < 0)
      return std::nullopt;
    isEmpty |= size == 0;
    if (size > 0 && (llvm::MulOverflow(size - 1, stride, step) || llvm::AddOverflow(last, step, last)))
      return std::nullopt;
  }
  if (isEmpty)
    return 0;
  int64_t bytes;
  if (llvm::AddOverflow(last, int64_t(1), last) || llvm::MulOverflow(last, elementBytes, bytes))
    return std::nullopt;
  return uint64_t(bytes);
}

llvm::Expected<DenseElementsAttr> readConstant(const Archive &archive, const WeightEntry &entry,
                                               RankedTensorType type) {
  llvm::Expected<std::string> bytes = archive.read(entry.entry);
  if (!bytes)
    return bytes.takeError();
  SmallVector<int64_t> strides;
  for (const SymbolicInt &stride : entry.meta.strides)
    strides.push_back(stride.value);
  int64_t width = storageBytes(type.getElementType()), count = type.getNumElements();
  std::optional<uint64_t> needed = requiredBytes(type.getShape(), strides, entry.meta.offset.value, width);
  if (!needed || *needed > bytes->size())
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "entry '" + entry.entry + "' is too small");

  // Row-major, whatever the strides.
  std::vector<char> values(count * width);
  SmallVector<int64_t> position(type.getRank(), 0);
  for (int64_t element = 0; element < count; ++element) {
    int64_t source = entry.meta.offset.value;
    for (auto [index, stride] : llvm::zip(position, strides))
      source += index * stride;
    std::memcpy(values.data() + element * width, bytes->data() + source * width, width);
    for (int64_t dim = type.getRank() - 1; dim >= 0 && ++position[dim] == type.getDimSize(dim); --dim)
      position[dim] = 0;
  }
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, values);
  SmallVector<bool> bits;
  for (char value : values)
    bits.push_back(value != 0);
  return DenseElementsAttr::get(type, bits);
}

} // namespace raddle::import

// What the writers of a bundle's tables share.
#ifndef RADDLE_LIB_BUNDLE_TABLES_H
#define RADDLE_LIB_BUNDLE_TABLES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "raddle/Bundle/bundle_generated.h"

namespace raddle {

template <typename T> using Offset = flatbuffers::Offset<T>;
template <typename T> using Offsets = std::vector<flatbuffers::Offset<T>>;

/// The bundle's name of an element type. Types that it lacks are refused before anything is written.
std::optional<bundle::DType> dtypeOf(mlir::Type element);

/// The type that callers see: bytes are integers of 8 bits that an attribute calls unsigned.
bundle::DType seenType(mlir::Type element, mlir::DictionaryAttr attributes);

/// A static shape as a vector of the bundle.
Offset<flatbuffers::Vector<uint64_t>> writeShape(flatbuffers::FlatBufferBuilder &builder,
                                                 llvm::ArrayRef<int64_t> shape);

/// An entry of a dictionary; empty where it is not there.
llvm::StringRef stringIn(mlir::DictionaryAttr dictionary, llvm::StringRef key);

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_TABLES_H

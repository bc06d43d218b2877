// Parameters, buckets and states of a bundle.
#ifndef RADDLE_LIB_BUNDLE_STATETABLES_H
#define RADDLE_LIB_BUNDLE_STATETABLES_H

#include "Tables.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {

class StateTables {
public:
  StateTables(flatbuffers::FlatBufferBuilder &builder, mlir::ModuleOp module) : builder(builder), module(module) {}

  /// Buckets that programs take, their parameters, and their states, of parameters and of the optimizer.
  void writeBuckets();

  /// The bundle's index of each state of a program. Buffers of the model appear here for the first time.
  llvm::SmallVector<uint32_t> writeStates(exec::ProgramOp program);

  Offsets<bundle::Parameter> parameters;
  Offsets<bundle::Bucket> buckets;
  Offsets<bundle::State> states;
  uint32_t ranks = 1, shards = 1;
  /// Constants that hold parameters' first values: they follow those of the programs.
  llvm::SmallVector<mlir::ElementsAttr> firstValues;

private:
  Offset<bundle::WeightSource> writeSource(mlir::DictionaryAttr attributes, mlir::Type element);
  int32_t firstValue(mlir::DictionaryAttr init);
  void writeParameter(llvm::StringRef name, mlir::DictionaryAttr attributes, mlir::RankedTensorType type,
                      int64_t bucket, int64_t offset, uint32_t state);
  uint32_t addState(llvm::StringRef name, bundle::StateKind kind, bundle::DType dtype, int64_t elements);

  flatbuffers::FlatBufferBuilder &builder;
  mlir::ModuleOp module;
  llvm::StringMap<uint32_t> indices;
};

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_STATETABLES_H

#ifndef RADDLE_LIB_IMPORT_BATCH_H
#define RADDLE_LIB_IMPORT_BATCH_H

#include "Symbols.h"
#include "raddle/Import/Import.h"
#include "llvm/ADT/StringSet.h"

namespace raddle::import {

/// Which dimensions of a program are a rank's part of the batch.
struct Batch {
  /// Size of a rank's part; nothing for a program without inputs that have dimensions.
  std::optional<int64_t> perRank;
  int64_t ranks = 1;
  /// The symbols that stand for it; empty for a program of static shape.
  llvm::StringSet<> symbols;

  bool holdsInput(const TensorMeta &meta) const;
  bool holdsOutput(const TensorMeta &meta) const;
  /// The dimension of a tensor that is cut over the ranks; nothing for one that does not depend on the batch's size.
  std::optional<int64_t> dimensionOf(const TensorMeta &meta) const;
};

/// Gives every symbol that is dimension 0 of an input a rank's part of the batch. Fails if the batch does not divide by
/// the ranks or contradicts a static shape, and if another dimension of an input is dynamic.
llvm::Expected<Batch> bindBatch(const Program &program, const ImportOptions &options, Symbols &symbols);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_BATCH_H

// What a mask of attention hides, told from how the program computes it.
#ifndef RADDLE_LIB_FUSE_VISIBLEKEYS_H
#define RADDLE_LIB_FUSE_VISIBLEKEYS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace raddle {

/// A mask in other words: key t is visible to query s of element b of the batch where t < lengths[step * b], if there
/// are lengths, and t ≤ s, if `causal`.
struct VisibleKeys {
  mlir::Value lengths; ///< a tensor of i32 or i64, or null
  int64_t step = 0;    ///< in elements; zero: the whole batch has one length
  bool causal = false;
};

/// The words for the mask of an attention of so many queries and keys; nothing where they do not suffice, and then
/// `reason` says why if the mask looks as if they might. The mask is boolean, or is added and has zeros and −inf.
std::optional<VisibleKeys> readMask(mlir::Value mask, int64_t queries, int64_t keys, llvm::StringRef &reason);

} // namespace raddle

#endif // RADDLE_LIB_FUSE_VISIBLEKEYS_H

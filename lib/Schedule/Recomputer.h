// A step of training whose backward computes values of forward again.
#ifndef RADDLE_LIB_SCHEDULE_RECOMPUTER_H
#define RADDLE_LIB_SCHEDULE_RECOMPUTER_H

#include "LiveMemory.h"

namespace raddle {

/// How much work may be repeated to hold fewer bytes.
struct RecomputePolicy {
  double bytesPerByte; ///< bytes held count as so many bytes moved
  bool libraries;      ///< library calls may be repeated, between the boundaries of blocks
};

/// The forward part of a step is what the loss needs, its backward part what follows and is no forward.
class Recomputer {
public:
  /// With `explain`, what is computed again gets a remark.
  Recomputer(mlir::func::FuncOp function, mlir::Value loss, mlir::SymbolTableCollection &symbols, bool explain);

  /// Gives the number of ops that are computed again. Once.
  int64_t run(const RecomputePolicy &policy);

private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  using FirstUses = llvm::DenseMap<mlir::Operation *, int64_t>;

  void markForward(mlir::Value loss);
  bool isBackward(mlir::Operation *op) const;
  int64_t costOf(mlir::Operation *op);
  llvm::SmallVector<int64_t> boundaries() const;
  bool leavesBlock(mlir::Operation *op, llvm::ArrayRef<int64_t> bounds) const;
  std::vector<bool> chooseRepeated(const RecomputePolicy &policy);
  int64_t firstBackwardUse(mlir::Operation *op, const FirstUses &firstUse) const;
  void cloneAll(llvm::ArrayRef<mlir::Operation *> chosen, const FirstUses &firstUse);
  void useAgain(mlir::Value value, mlir::OpBuilder &builder, mlir::IRMapping &again);

  mlir::func::FuncOp function;
  mlir::SymbolTableCollection &symbols;
  bool explain;
  llvm::SmallVector<mlir::Operation *> ops, forward;
  llvm::DenseMap<mlir::Operation *, int64_t> positions;
  llvm::DenseSet<mlir::Operation *> needed; ///< what the loss needs
  int64_t end = -1;                         ///< the last op of forward
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_RECOMPUTER_H

// What tensors of a kernel hold at places, as tiles: every tensor is asked for where it is needed, and computed there.
#ifndef RADDLE_LIB_CODEGEN_TRITON_TILEEVALUATOR_H
#define RADDLE_LIB_CODEGEN_TRITON_TILEEVALUATOR_H

#include "ScatteredRows.h"
#include "TilePoints.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// How the elements of a tile combine into a reduction's result: op(accumulator, value), an op of `arith`.
struct Combiner {
  llvm::StringRef name;
  mlir::TypedAttr neutral; ///< leaves every value as it is
  mlir::Value value;       ///< of the body
};

/// The combiner of a result whose body is op(accumulator, value), with a value that no accumulator is in.
std::optional<Combiner> combinerOf(mlir::linalg::GenericOp op, unsigned result);

class TileEvaluator {
public:
  /// `pointers` are those of the kernel's arguments. A tile has at most this shape.
  TileEvaluator(TileBuilder &tiles, TilePoints &points, mlir::ValueRange pointers, TileShape tile)
      : tiles(tiles), points(points), pointers(pointers), tile(tile) {}

  /// The elements of a tensor. Null where it cannot be expressed; `why` says so.
  mlir::Value valueAt(mlir::Value tensor, const Place &place, const Bounds &bounds);

  /// A variable over [0, extent) along an axis of the tile that needs no loop: the same one each time.
  mlir::AffineExpr wholeRange(unsigned axis, int64_t extent);

  /// The elements that a pass of a reduction adds: those at `position` in its reduced loops, which is a variable;
  /// neutral where it stands for nothing. `loops` has the places of the others. As a tile of `shape`.
  mlir::Value summand(mlir::linalg::GenericOp op, const Combiner &combiner, Place loops, mlir::AffineExpr position,
                      const Bounds &bounds, TileShape shape);
  /// A reduction's result from what its passes make of `neutral`, which lies along an axis.
  mlir::Value total(mlir::linalg::GenericOp op, unsigned result, const Combiner &combiner, mlir::Value sum,
                    unsigned axis, const Place &loops, const Bounds &bounds);

  /// The reason for the first tensor that could not be expressed.
  std::string why;

  /// A read of an argument, of elements at a position in it.
  struct Read {
    unsigned argument;
    mlir::AffineExpr position;
  };
  llvm::SmallVector<Read> reads;

  /// Points of structured ops that one program computes, repetitions included.
  double work = 0;

private:
  /// The body of a structured op at one place.
  struct Body {
    mlir::linalg::GenericOp op;
    Place loops;
    Bounds bounds;
    llvm::SmallVector<mlir::Value> accumulators; ///< what block arguments of results stand for; null: the init
    llvm::DenseMap<mlir::Value, mlir::Value> known;
  };

  mlir::Value refuse(const llvm::Twine &reason);
  mlir::Value compute(mlir::Value tensor, const Place &place, const Bounds &bounds);
  mlir::Value load(mlir::BlockArgument argument, const Place &place, const Bounds &bounds);
  mlir::Value part(mlir::Value source, mlir::Value around, mlir::OpFoldResult outside, llvm::ArrayRef<int64_t> offsets,
                   llvm::ArrayRef<int64_t> sizes, const llvm::SmallBitVector &dropped, const Place &place,
                   const Bounds &bounds);
  mlir::Value generic(mlir::linalg::GenericOp op, unsigned result, const Place &place, const Bounds &bounds);
  void count(llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds);

  // TileReduction.cpp
  mlir::Value reduction(mlir::linalg::GenericOp op, unsigned result, Place loops, const Bounds &bounds);
  mlir::Value sumUp(mlir::linalg::GenericOp op, unsigned result, const Combiner &combiner, Place loops,
                    const Bounds &bounds, TileShape shape, unsigned axis);
  mlir::Value walk(mlir::linalg::GenericOp op, unsigned result, Place loops, const Bounds &bounds, TileShape shape);
  void placeReduced(mlir::linalg::GenericOp op, mlir::AffineExpr position, Place &loops);
  mlir::Value initOf(mlir::linalg::GenericOp op, unsigned result, const Place &loops, const Bounds &bounds);

  // ScatteredRows.cpp
  mlir::Value scattered(ScatteredRows rows, const Place &place, const Bounds &bounds);
  mlir::Value whereAny(mlir::Value mask, mlir::Value otherwise, llvm::function_ref<mlir::Value()> compute);

  // ScalarOps.cpp
  mlir::Value scalarOf(mlir::Value value, Body &body);
  mlir::Value argumentOf(mlir::BlockArgument argument, Body &body);
  mlir::Value apply(mlir::Operation *op, Body &body);
  mlir::Value applyMath(mlir::Operation *op, llvm::ArrayRef<mlir::Value> operands);
  mlir::Value applyCast(mlir::Operation *op, mlir::Value operand);
  mlir::Value extract(mlir::Operation *op, Body &body);
  /// The value of an index as an expression of places, where it is one.
  std::optional<mlir::AffineExpr> expressionOf(mlir::Value index, Body &body);

  TileBuilder &tiles;
  TilePoints &points;
  mlir::ValueRange pointers;
  TileShape tile;
  std::map<std::pair<unsigned, int64_t>, mlir::AffineExpr> ranges;
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> symbols;
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> positions; ///< numbers of passes of loops
  unsigned numComputed = 0;
};

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_TILEEVALUATOR_H

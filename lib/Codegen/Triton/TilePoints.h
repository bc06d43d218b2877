// Where in its arrays a program of Triton is: variables, places made from them, and the loops that they live in.
#ifndef RADDLE_LIB_CODEGEN_TRITON_TILEPOINTS_H
#define RADDLE_LIB_CODEGEN_TRITON_TILEPOINTS_H

#include "TileBuilder.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/SetVector.h"
#include <map>

namespace raddle {

/// The position in an array: an affine expression a dimension. Dimensions of the expressions are variables, symbols are
/// numbers that the program has read.
using Place = llvm::SmallVector<mlir::AffineExpr, 4>;

/// Only points for which every `position` is in [lowest, end) are asked for.
struct Bound {
  mlir::AffineExpr position;
  int64_t lowest, end;
};
using Bounds = llvm::SmallVector<Bound, 2>;

/// What is computed in one loop or branch, or outside of all. A tile is computed in the outermost scope that has its variables.
struct Scope {
  Scope *parent = nullptr;
  mlir::Operation *loop = nullptr; ///< null outside of all loops
  unsigned depth = 0;
  int64_t trips = 1; ///< how often it runs in one program
  std::map<std::vector<const void *>, mlir::Value> known;
};

class TilePoints {
public:
  TilePoints(TileBuilder &tiles, mlir::MLIRContext *kernelContext);

  /// A variable with the values of an i32 tile, of which those from `extent` on stand for nothing.
  mlir::AffineExpr addVariable(mlir::Value tile, int64_t extent, bool isPadded);
  /// An integer tile as a symbol. Its mask is that of `from`.
  mlir::AffineExpr addSymbol(mlir::Value tile, llvm::ArrayRef<mlir::AffineExpr> from);

  /// The scope and the shape of what depends on these places.
  Scope *scopeOf(llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds);
  TileShape shapeAt(llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds);

  /// Ops are built in a scope while this lives.
  class Inside {
  public:
    Inside(TilePoints &points, Scope *scope);
    ~Inside();

  private:
    TilePoints &points;
    mlir::OpBuilder::InsertionGuard guard;
    Scope *before;
  };

  /// A new loop, or branch, in the current scope. What is built before `end` is in its body; `end` yields and goes on
  /// behind.
  std::unique_ptr<Scope> begin(mlir::Operation *loop, mlir::Block *body, int64_t trips);
  void end(mlir::Operation *loop, mlir::ValueRange results);

  Scope *current() { return scope; }

  /// An expression as an i32 tile, and the mask of the points at these places; null if it has no gaps.
  mlir::Value tileOf(mlir::AffineExpr expr);
  mlir::Value maskOf(llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds);

  /// The position in an array of `shape`, in elements, in a form in which equal positions are equal.
  mlir::AffineExpr flatten(llvm::ArrayRef<mlir::AffineExpr> place, llvm::ArrayRef<int64_t> shape);
  /// The places of the element number `position` of an array of `shape`.
  Place unflatten(mlir::AffineExpr position, llvm::ArrayRef<int64_t> shape);

  mlir::MLIRContext *context;

private:
  struct Variable {
    mlir::Value tile;
    int64_t extent;
    bool isPadded;
    Scope *scope;
  };
  struct Symbol {
    mlir::Value tile;
    Scope *scope;
    llvm::SetVector<unsigned> variables;
  };

  void collect(mlir::AffineExpr expr, llvm::SetVector<unsigned> &variables, llvm::SetVector<unsigned> &symbols);
  void collect(llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds, llvm::SetVector<unsigned> &variables,
               llvm::SetVector<unsigned> &symbols);
  mlir::Value build(mlir::AffineExpr expr);
  mlir::AffineExpr simplify(mlir::AffineExpr expr);

  TileBuilder &tiles;
  Scope outermost;
  Scope *scope = &outermost;
  llvm::SmallVector<Variable> variables;
  llvm::SmallVector<Symbol> symbols;
};

/// A key of the values that a scope knows.
std::vector<const void *> keyOf(const void *what, llvm::ArrayRef<mlir::AffineExpr> place, const Bounds &bounds);

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_TILEPOINTS_H

// Ops of Triton's dialect on tiles of two dimensions. They are ops without a dialect here, printed in generic form.
#ifndef RADDLE_LIB_CODEGEN_TRITON_TILEBUILDER_H
#define RADDLE_LIB_CODEGEN_TRITON_TILEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include <array>

namespace raddle {

/// Extents of a tile: rows and columns. An extent of 1 stands for every row, or column, of a larger tile.
using TileShape = std::array<int64_t, 2>;

/// The smallest tile that both fit into.
TileShape unite(TileShape a, TileShape b);
TileShape shapeOf(mlir::Value tile);
mlir::Type elementOf(mlir::Value tile);

/// Operands of one op may have different shapes: they are repeated to the common one. Locations are unknown.
class TileBuilder {
public:
  /// The context has ops without a dialect: see `createTritonContext`.
  explicit TileBuilder(mlir::MLIRContext *context);

  mlir::OpBuilder builder;

  /// A type of the kernel's context, in this one: `index` is i64.
  mlir::Type translate(mlir::Type type);
  /// What an array of such elements is in memory: bytes, for booleans.
  mlir::Type stored(mlir::Type element);
  mlir::Type pointerTo(mlir::Type element);

  /// Tiles of one element. `constant` takes an attribute of any context.
  mlir::Value constant(mlir::TypedAttr value);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value floating(mlir::Type type, double value);

  /// i32 numbers 0 to `size`, along rows (axis 0) or columns (axis 1).
  mlir::Value range(unsigned axis, int64_t size);
  /// The number of the program, i32, as a tile of one element.
  mlir::Value programNumber();
  mlir::Value splat(mlir::Value scalar);
  mlir::Value repeat(mlir::Value tile, TileShape shape);

  /// An op, of the same element type as its first operand unless one is given.
  mlir::Value apply(llvm::StringRef name, mlir::ValueRange tiles, mlir::Type element = {},
                    llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a, mlir::Value b);
  /// A function of libdevice.
  mlir::Value callLibrary(llvm::StringRef symbol, mlir::ValueRange tiles);
  mlir::Value castInteger(mlir::Value tile, mlir::Type type, bool isUnsigned = false);
  mlir::Value castFloat(mlir::Value tile, mlir::Type type);

  /// Elements at `base + offsets`, zero where the mask is not set; without a mask all.
  mlir::Value load(mlir::Value base, mlir::Type element, mlir::Value offsets, mlir::Value mask);
  void store(mlir::Value base, mlir::Value offsets, mlir::Value tile, mlir::Value mask);

  /// Combines all elements along an axis, in a tree, by an op of `arith`.
  mlir::Value reduce(mlir::Value tile, unsigned axis, llvm::StringRef combiner);

  /// Sums of integers up to each, itself included, along an axis.
  mlir::Value runningSum(mlir::Value tile, unsigned axis);

  /// How many elements of a tile of booleans are set, an i32, and whether any is, an i1: no tiles.
  mlir::Value count(mlir::Value tile);
  mlir::Value any(mlir::Value tile);

  /// A loop over [0, end) by `step`, without a terminator.
  mlir::scf::ForOp loop(int64_t end, int64_t step, mlir::ValueRange inits);
  mlir::scf::ForOp loop(mlir::Value end, int64_t step, mlir::ValueRange inits);
  mlir::Operation *create(llvm::StringRef name, mlir::ValueRange operands, mlir::TypeRange results,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes = {}, unsigned regions = 0);

  mlir::Location loc;

private:
  mlir::Value number(int64_t value);
  mlir::Value combine(llvm::StringRef name, mlir::Value tile, mlir::Type result, llvm::StringRef combiner,
                      llvm::ArrayRef<mlir::NamedAttribute> attributes);
  mlir::Value reduceAlong(mlir::Value tile, unsigned axis, mlir::Type result, llvm::StringRef combiner);
  mlir::Value addresses(mlir::Value base, mlir::Value offsets, TileShape shape);
};

/// A context of its own for one kernel's text.
std::unique_ptr<mlir::MLIRContext> createTritonContext();

} // namespace raddle

#endif // RADDLE_LIB_CODEGEN_TRITON_TILEBUILDER_H

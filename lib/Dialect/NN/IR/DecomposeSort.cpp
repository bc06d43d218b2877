// Decompositions of sorting and of the selection of the greatest elements.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

namespace {

/// Index arithmetic and element access of the loops that order rows.
struct RowLoops {
  Location loc;
  Value input; // [rows, elements]
  bool descending;

  int64_t rows() const { return llvm::cast<RankedTensorType>(input.getType()).getDimSize(0); }
  int64_t elements() const { return llvm::cast<RankedTensorType>(input.getType()).getDimSize(1); }

  Value index(OpBuilder &builder, int64_t value) const { return arith::ConstantIndexOp::create(builder, loc, value); }
  Value compare(OpBuilder &builder, arith::CmpIPredicate predicate, Value a, Value b) const {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  Value select(OpBuilder &builder, Value condition, Value a, Value b) const {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value cast(OpBuilder &builder, Type type, Value value) const {
    return arith::IndexCastOp::create(builder, loc, type, value);
  }

  /// A loop over [0, count) that carries values.
  SmallVector<Value> loop(OpBuilder &builder, int64_t count, ValueRange carried,
                          llvm::function_ref<SmallVector<Value>(OpBuilder &, Value, ValueRange)> body) const {
    return scf::ForOp::create(builder, loc, index(builder, 0), index(builder, count), index(builder, 1), carried,
                              [&](OpBuilder &nested, Location, Value position, ValueRange values) {
                                scf::YieldOp::create(nested, loc, body(nested, position, values));
                              })
        .getResults();
  }

  Value element(OpBuilder &builder, Value row, Value position) const {
    return tensor::ExtractOp::create(builder, loc, input, ValueRange{row, position});
  }

  /// Whether element `a` stands before `b`, strictly: NaN counts as the greatest.
  Value isBefore(OpBuilder &builder, Value a, Value b) const {
    if (descending)
      std::swap(a, b);
    if (!isa<FloatType>(a.getType()))
      return compare(builder, a.getType().isInteger(1) ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt, a, b);
    Value less = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
    Value number = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::ORD, a, a);
    Value nan = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, b, b);
    return arith::OrIOp::create(builder, loc, less, arith::AndIOp::create(builder, loc, number, nan));
  }
};

/// Merges neighbouring sorted runs of `width` positions into runs of twice the width. `order` [rows, elements] holds
/// positions; null: they are in their first order.
Value buildMergePass(OpBuilder &builder, const RowLoops &loops, Value order, int64_t width) {
  int64_t elements = loops.elements();
  Type orderType = builder.getI64Type();
  auto read = [&](OpBuilder &nested, Value row, Value position) -> Value {
    // A run that is used up is read at its end, and not chosen.
    position = arith::MinSIOp::create(nested, loops.loc, position, loops.index(nested, elements - 1));
    if (!order)
      return position;
    Value found = tensor::ExtractOp::create(nested, loops.loc, order, ValueRange{row, position});
    return loops.cast(nested, nested.getIndexType(), found);
  };
  auto mergeElement = [&](OpBuilder &nested, Value row, Value k, ValueRange carried) -> SmallVector<Value> {
    using Predicate = arith::CmpIPredicate;
    Location loc = loops.loc;
    Value offset = arith::RemUIOp::create(nested, loc, k, loops.index(nested, 2 * width));
    Value start = arith::SubIOp::create(nested, loc, k, offset);
    auto bound = [&](int64_t distance) -> Value {
      Value end = arith::AddIOp::create(nested, loc, start, loops.index(nested, distance));
      return arith::MinSIOp::create(nested, loc, end, loops.index(nested, elements));
    };
    Value middle = bound(width), end = bound(2 * width);
    // Of the k − start elements that are merged so far, left − start come from the left run.
    Value isFirst = loops.compare(nested, Predicate::eq, offset, loops.index(nested, 0));
    Value left = loops.select(nested, isFirst, start, carried[0]);
    Value right = arith::SubIOp::create(nested, loc, arith::AddIOp::create(nested, loc, middle, k), left);
    Value leftPosition = read(nested, row, left), rightPosition = read(nested, row, right);
    Value before =
        loops.isBefore(nested, loops.element(nested, row, rightPosition), loops.element(nested, row, leftPosition));
    Value leftDone = loops.compare(nested, Predicate::sge, left, middle);
    Value rightLasts = loops.compare(nested, Predicate::slt, right, end);
    Value takeRight =
        arith::AndIOp::create(nested, loc, rightLasts, arith::OrIOp::create(nested, loc, leftDone, before));
    Value chosen = loops.cast(nested, orderType, loops.select(nested, takeRight, rightPosition, leftPosition));
    Value next = arith::AddIOp::create(nested, loc, left, loops.index(nested, 1));
    return {loops.select(nested, takeRight, left, next),
            tensor::InsertOp::create(nested, loc, chosen, carried[1], ValueRange{row, k})};
  };
  Value empty = tensor::EmptyOp::create(builder, loops.loc, ArrayRef<int64_t>{loops.rows(), elements}, orderType);
  return loops.loop(builder, loops.rows(), empty,
                    [&](OpBuilder &outer, Value row, ValueRange merged) -> SmallVector<Value> {
                      SmallVector<Value> start{loops.index(outer, 0), merged[0]};
                      return {loops.loop(outer, elements, start, [&](OpBuilder &inner, Value k, ValueRange carried) {
                        return mergeElement(inner, row, k, carried);
                      })[1]};
                    })[0];
}

/// A merge sort from short runs to long ones. Each pass is a loop of its own, so that passes alternate between two
/// buffers.
Value buildOrder(OpBuilder &builder, const RowLoops &loops) {
  auto type = RankedTensorType::get({loops.rows(), loops.elements()}, builder.getI64Type());
  if (loops.elements() < 2)
    return buildFilled(builder, loops.loc, type, 0.0);
  Value order;
  for (int64_t width = 1; width < loops.elements(); width *= 2)
    order = buildMergePass(builder, loops, order, width);
  return order;
}

/// Shifts position `found` into a row's list of the best so far, behind what is as good.
Value insertIntoBest(OpBuilder &builder, const RowLoops &loops, Value row, Value found, Value best, int64_t count) {
  Type type = builder.getI64Type();
  Value none = arith::ConstantIntOp::create(builder, loops.loc, type, -1);
  Value no = arith::ConstantIntOp::create(builder, loops.loc, builder.getI1Type(), 0);
  SmallVector<Value> start{loops.cast(builder, type, found), no, best};
  return loops.loop(
      builder, count, start, [&](OpBuilder &nested, Value slot, ValueRange carried) -> SmallVector<Value> {
        Location loc = loops.loc;
        Value moving = carried[0], list = carried[2];
        Value present = tensor::ExtractOp::create(nested, loc, list, ValueRange{row, slot});
        auto elementAt = [&](Value position) {
          Value zero = loops.index(nested, 0);
          Value index = loops.cast(nested, nested.getIndexType(), position);
          return loops.element(nested, row, arith::MaxSIOp::create(nested, loc, index, zero));
        };
        Value before = loops.isBefore(nested, elementAt(moving), elementAt(present));
        Value free = loops.compare(nested, arith::CmpIPredicate::eq, present, none);
        // Behind the place where it went in, all move on.
        Value goesIn = arith::OrIOp::create(nested, loc, carried[1], arith::OrIOp::create(nested, loc, free, before));
        Value kept = loops.select(nested, goesIn, moving, present);
        return {loops.select(nested, goesIn, present, moving), goesIn,
                tensor::InsertOp::create(nested, loc, kept, list, ValueRange{row, slot})};
      })[2];
}

/// One walk over each row with a sorted list of the best `count` positions so far; −1 is a free slot.
Value buildBest(OpBuilder &builder, const RowLoops &loops, int64_t count) {
  auto type = RankedTensorType::get({loops.rows(), count}, builder.getI64Type());
  Value none = buildFilled(builder, loops.loc, type, -1.0);
  auto visit = [&](OpBuilder &nested, Value row, Value position, Value best) -> SmallVector<Value> {
    Location loc = loops.loc;
    Value lastSlot = loops.index(nested, count - 1);
    Value last = loops.cast(nested, nested.getIndexType(),
                            tensor::ExtractOp::create(nested, loc, best, ValueRange{row, lastSlot}));
    Value zero = loops.index(nested, 0);
    Value free = loops.compare(nested, arith::CmpIPredicate::slt, last, zero);
    Value before = loops.isBefore(nested, loops.element(nested, row, position),
                                  loops.element(nested, row, arith::MaxSIOp::create(nested, loc, last, zero)));
    auto branch = scf::IfOp::create(
        nested, loc, arith::OrIOp::create(nested, loc, free, before),
        [&](OpBuilder &then, Location) {
          scf::YieldOp::create(then, loc, insertIntoBest(then, loops, row, position, best, count));
        },
        [&](OpBuilder &otherwise, Location) { scf::YieldOp::create(otherwise, loc, best); });
    return {branch.getResult(0)};
  };
  return loops.loop(
      builder, loops.rows(), none, [&](OpBuilder &outer, Value row, ValueRange lists) -> SmallVector<Value> {
        return loops.loop(outer, loops.elements(), lists[0], [&](OpBuilder &inner, Value position, ValueRange best) {
          return visit(inner, row, position, best[0]);
        });
      })[0];
}

/// The loops over a tensor's last dimension, with the others as rows.
RowLoops rowLoops(OpBuilder &builder, Location loc, Value input, bool descending) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(input.getType()).getShape();
  int64_t rows = ShapedType::getNumElements(shape.drop_back());
  return {loc, buildReshape(builder, loc, input, {rows, shape.back()}), descending};
}

} // namespace

FailureOr<SmallVector<Value>> ArgSortOp::decomposeOperation(OpBuilder &builder) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(getInput().getType()).getShape();
  RowLoops loops = rowLoops(builder, getLoc(), getInput(), getDescending());
  return SmallVector<Value>{buildReshape(builder, getLoc(), buildOrder(builder, loops), shape)};
}

FailureOr<SmallVector<Value>> TopKOp::decomposeOperation(OpBuilder &builder) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(getIndices().getType()).getShape();
  RowLoops loops = rowLoops(builder, getLoc(), getInput(), !getSmallest());
  // The walk compares each element with one of the list at least and with all of it at worst; a sort compares it once
  // in each of its passes.
  int64_t passes = llvm::Log2_64_Ceil(loops.elements()), count = shape.back();
  constexpr int64_t kWorstCaseFactor = 4;
  Value best;
  if (count <= kWorstCaseFactor * std::max<int64_t>(passes, 1)) {
    best = buildBest(builder, loops, count);
  } else {
    Value order = buildOrder(builder, loops);
    SmallVector<OpFoldResult> offsets(2, builder.getIndexAttr(0)), strides(2, builder.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes{builder.getIndexAttr(loops.rows()), builder.getIndexAttr(count)};
    best = tensor::ExtractSliceOp::create(builder, getLoc(), tensorLike(order, {loops.rows(), count}), order, offsets,
                                          sizes, strides);
  }
  return SmallVector<Value>{buildReshape(builder, getLoc(), best, shape)};
}

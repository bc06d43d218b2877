#include "ScanBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace raddle::nn {

namespace {

/// The inputs are seen as [outer, length, inner], and inner as blocks: an `scf.forall` over outer and the blocks, in it
/// an `scf.for` over length, in it one generic over a block, which carries as many elements.
class ScanBuilder {
public:
  ScanBuilder(OpBuilder &builder, Location loc, ValueRange inputs, int64_t dim, bool reverse, ArrayRef<Carry> carries,
              ArrayRef<Type> resultTypes, ScanBody body)
      : builder(builder), loc(loc), carries(carries), resultTypes(resultTypes), body(body), reverse(reverse) {
    shape = cast<RankedTensorType>(inputs[0].getType()).getShape();
    outer = ShapedType::getNumElements(shape.take_front(dim));
    length = shape[dim];
    inner = ShapedType::getNumElements(shape.drop_front(dim + 1));
    // What is carried fits in few registers or in the stack, whatever the shape.
    constexpr int64_t kLargestBlock = 64;
    block = std::min(inner, kLargestBlock);
    while (inner % block != 0)
      --block;
    for (Value input : inputs)
      this->inputs.push_back(buildReshape(builder, loc, input, {outer, length, inner}));
  }

  SmallVector<Value> run() {
    SmallVector<Value> results;
    for (Type type : resultTypes)
      results.push_back(tensor::EmptyOp::create(builder, loc, {outer, length, inner}, type));
    int64_t blocks = inner / block;
    if (outer * blocks == 1)
      results = walk(index(0), index(0), results);
    else
      results = walkAll(blocks, results);
    for (Value &result : results)
      result = buildReshape(builder, loc, result, shape);
    return results;
  }

private:
  SmallVector<Value> walkAll(int64_t blocks, ValueRange results) {
    auto forall =
        scf::ForallOp::create(builder, loc, ArrayRef<OpFoldResult>{index(outer * blocks)}, results, std::nullopt);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(forall.getBody());
    Value number = forall.getInductionVars().front();
    OpFoldResult row = number, column = index(0);
    if (blocks > 1) {
      row = arith::DivUIOp::create(builder, loc, number, constant(blocks)).getResult();
      Value place = arith::RemUIOp::create(builder, loc, number, constant(blocks));
      column = arith::MulIOp::create(builder, loc, place, constant(block)).getResult();
    }
    SmallVector<Value> parts;
    for (Value result : forall.getRegionIterArgs())
      parts.push_back(
          slice(result, {1, length, block}, {row, index(0), column}, {index(1), index(length), index(block)}));
    SmallVector<Value> walked = walk(row, column, parts);
    builder.setInsertionPointToStart(forall.getTerminator().getBody());
    for (auto [part, result] : llvm::zip(walked, forall.getRegionIterArgs()))
      tensor::ParallelInsertSliceOp::create(
          builder, loc, part, result, SmallVector<OpFoldResult>{row, index(0), column},
          SmallVector<OpFoldResult>{index(1), index(length), index(block)}, strides());
    return SmallVector<Value>(forall.getResults());
  }

  /// One block of one row: fills its results, [1, length, block].
  SmallVector<Value> walk(OpFoldResult row, OpFoldResult column, ValueRange results) {
    SmallVector<Value> state;
    for (const Carry &carry : carries)
      state.push_back(buildFilled(builder, loc, RankedTensorType::get({block}, carry.type), carry.init));
    llvm::append_range(state, results);
    auto loop = scf::ForOp::create(builder, loc, constant(0), constant(length), constant(1), state,
                                   [](OpBuilder &, Location, Value, ValueRange) {});
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Value place = loop.getInductionVar();
    if (reverse)
      place = arith::SubIOp::create(builder, loc, constant(length - 1), place);
    scf::YieldOp::create(builder, loc, visit(row, place, column, loop.getRegionIterArgs()));
    return SmallVector<Value>(loop.getResults().drop_front(carries.size()));
  }

  /// One place of a row: the carries and results after it.
  SmallVector<Value> visit(OpFoldResult row, Value place, OpFoldResult column, ValueRange state) {
    SmallVector<OpFoldResult> sizes{index(1), index(1), index(block)}, offsets{index(0), place, index(0)};
    ValueRange carried = state.take_front(carries.size()), results = state.drop_front(carries.size());
    SmallVector<Value> ins, outs(carried);
    for (Value input : inputs)
      ins.push_back(slice(input, {block}, {row, place, column}, sizes));
    for (Value result : results)
      outs.push_back(slice(result, {block}, offsets, sizes));
    SmallVector<AffineMap> maps(ins.size() + outs.size(), builder.getMultiDimIdentityMap(1));
    auto computed = linalg::GenericOp::create(
        builder, loc, ValueRange(outs).getTypes(), ins, outs, maps, {utils::IteratorType::parallel},
        [&](OpBuilder &nested, Location nestedLoc, ValueRange args) {
          ScanElements elements = body(Scalars{nested, nestedLoc}, args.take_front(ins.size()),
                                       args.slice(ins.size(), carries.size()), place);
          llvm::append_range(elements.carries, elements.results);
          linalg::YieldOp::create(nested, nestedLoc, elements.carries);
        });
    SmallVector<Value> next(computed.getResults().take_front(carries.size()));
    for (auto [value, result] : llvm::zip(computed.getResults().drop_front(carries.size()), results))
      next.push_back(tensor::InsertSliceOp::create(builder, loc, value, result, offsets, sizes, strides()));
    return next;
  }

  Value slice(Value value, ArrayRef<int64_t> shape, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
    return tensor::ExtractSliceOp::create(builder, loc, tensorLike(value, shape), value, offsets, sizes, strides());
  }
  OpFoldResult index(int64_t value) { return builder.getIndexAttr(value); }
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(builder, loc, value); }
  SmallVector<OpFoldResult> strides() { return SmallVector<OpFoldResult>(3, index(1)); }

  OpBuilder &builder;
  Location loc;
  SmallVector<Value> inputs;
  ArrayRef<Carry> carries;
  ArrayRef<Type> resultTypes;
  ScanBody body;
  bool reverse;
  ArrayRef<int64_t> shape;
  int64_t outer, length, inner, block;
};

} // namespace

SmallVector<Value> buildScan(OpBuilder &builder, Location loc, ValueRange inputs, int64_t dim, bool reverse,
                             ArrayRef<Carry> carries, ArrayRef<Type> resultTypes, ScanBody body) {
  return ScanBuilder(builder, loc, inputs, dim, reverse, carries, resultTypes, body).run();
}

} // namespace raddle::nn

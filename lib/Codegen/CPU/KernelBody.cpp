#include "KernelBody.h"

#include "../PrepareKernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "raddle/Utils/TensorQueries.h"

using namespace mlir;

namespace raddle {

static bool hasNoElements(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0;
}

/// Ops whose loops do not run leave what they start from, and tensors without elements need no op at all: later stages
/// know no memory of size 0.
static void dropEmptyWork(func::FuncOp kernel) {
  for (Operation &op : llvm::make_early_inc_range(kernel.getBody().front().without_terminator())) {
    auto structured = dyn_cast<linalg::LinalgOp>(op);
    if (structured && llvm::is_contained(structured.getStaticLoopRanges(), 0)) {
      op.replaceAllUsesWith(structured.getDpsInits());
      op.erase();
    } else if (!isa<tensor::EmptyOp>(op) && op.getNumResults() == 1 && hasNoElements(op.getResultTypes()[0])) {
      OpBuilder builder(&op);
      auto type = cast<RankedTensorType>(op.getResultTypes()[0]);
      op.replaceAllUsesWith(tensor::EmptyOp::create(builder, op.getLoc(), type.getShape(), type.getElementType()));
      op.erase();
    }
  }
}

/// A slice of a filled tensor is a smaller filled tensor.
static void sliceFills(func::FuncOp kernel) {
  SmallVector<tensor::ExtractSliceOp> slices(kernel.getBody().front().getOps<tensor::ExtractSliceOp>());
  for (tensor::ExtractSliceOp slice : slices) {
    auto fill = slice.getSource().getDefiningOp<linalg::FillOp>();
    if (!fill || !slice.getType().hasStaticShape())
      continue;
    OpBuilder builder(slice);
    Value empty =
        tensor::EmptyOp::create(builder, slice.getLoc(), slice.getType().getShape(), slice.getType().getElementType());
    slice.replaceAllUsesWith(linalg::FillOp::create(builder, slice.getLoc(), fill.value(), empty).getResult(0));
    slice.erase();
  }
}

/// What is computed only to be put into a part of a tensor is computed there. Upstream does so only where that tensor
/// is known before the part is computed.
void computePartsInPlace(func::FuncOp kernel) {
  SmallVector<tensor::InsertSliceOp> inserts(kernel.getBody().front().getOps<tensor::InsertSliceOp>());
  for (tensor::InsertSliceOp insert : inserts) {
    auto part = insert.getSource().getDefiningOp<linalg::LinalgOp>();
    if (!part || part->getNumResults() != 1 || !part->hasOneUse() || part->getBlock() != insert->getBlock() ||
        !part.getDpsInits().front().getDefiningOp<tensor::EmptyOp>())
      continue;
    part->moveBefore(insert);
    OpBuilder builder(part);
    Value place =
        tensor::ExtractSliceOp::create(builder, insert.getLoc(), insert.getSourceType(), insert.getDest(),
                                       insert.getMixedOffsets(), insert.getMixedSizes(), insert.getMixedStrides());
    part.getDpsInitsMutable()[0].set(place);
  }
}

void fuseProducers(func::FuncOp kernel) {
  dropEmptyWork(kernel);
  RewritePatternSet patterns(kernel.getContext());
  // Grouping has decided already: inside a kernel every producer with one consumer goes into it, unless the consumer
  // would compute its elements again and again.
  linalg::populateElementwiseOpsFusionPatterns(patterns, [](OpOperand *operand) {
    auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
    Operation *producer = operand->get().getDefiningOp();
    if (!consumer || !producer || isa<linalg::FillOp>(producer))
      return consumer && producer;
    return consumer.getMatchingIndexingMap(operand).isPermutation() &&
           llvm::all_of(producer->getUsers(), [&](Operation *user) { return user == consumer; });
  });
  tensor::populateDecomposeTensorConcatPatterns(patterns);
  linalg::GenericOp::getCanonicalizationPatterns(patterns, kernel.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
  (void)applyPatternsGreedily(kernel, std::move(patterns));
  sliceFills(kernel);
}

void fuseKernelBody(func::FuncOp kernel) {
  fuseProducers(kernel);
  mergeLoops(kernel);
  RewritePatternSet cleanup(kernel.getContext());
  linalg::populateEraseUnusedOperandsAndResultsPatterns(cleanup);
  (void)applyPatternsGreedily(kernel, std::move(cleanup));
  computePartsInPlace(kernel);
  tileRows(kernel);
}

/// A loop that updates an argument of the kernel works on a copy in the result's memory: nobody may write the argument.
static void copyLoopInit(Value result, Value destination) {
  auto loop = result.getDefiningOp<scf::ForOp>();
  if (!loop)
    return;
  OpOperand &init = loop.getInitsMutable()[cast<OpResult>(result).getResultNumber()];
  if (!init.get().getDefiningOp<bufferization::ToTensorOp>())
    return;
  OpBuilder builder(loop);
  auto memory = bufferization::ToTensorOp::create(builder, loop.getLoc(), result.getType(), destination);
  memory.setRestrict(true);
  memory.setWritable(true);
  auto copy = bufferization::MaterializeInDestinationOp::create(builder, loop.getLoc(), result.getType(), init.get(),
                                                                memory.getResult());
  init.set(copy.getResult());
}

/// The tensor without content that a result is put together in, part by part or row by row; null if it is not.
static tensor::EmptyOp assembledIn(Value result) {
  if (auto loop = result.getDefiningOp<scf::ForallOp>())
    return loop.getTiedOpOperand(cast<OpResult>(result))->get().getDefiningOp<tensor::EmptyOp>();
  bool hasParts = false;
  for (; auto insert = result.getDefiningOp<tensor::InsertSliceOp>(); result = insert.getDest())
    hasParts = true;
  return hasParts ? result.getDefiningOp<tensor::EmptyOp>() : tensor::EmptyOp();
}

void passDestinations(func::FuncOp kernel, ArrayRef<std::pair<unsigned, unsigned>> inPlace) {
  Block &block = kernel.getBody().front();
  OpBuilder builder(kernel.getContext());
  Location loc = kernel.getLoc();
  auto bufferType = [](Type type) -> Type {
    auto tensor = dyn_cast<RankedTensorType>(type);
    // A stride of 0, which an inner dimension of 0 makes, has no form in LLVM.
    if (hasNoElements(type))
      return MemRefType::get({0}, tensor.getElementType());
    return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType()) : type;
  };
  builder.setInsertionPointToStart(&block);
  unsigned numInputs = block.getNumArguments();
  for (BlockArgument argument : block.getArguments()) {
    Type tensor = argument.getType();
    argument.setType(bufferType(tensor));
    if (hasNoElements(tensor)) {
      auto type = cast<RankedTensorType>(tensor);
      Value nothing = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
      argument.replaceAllUsesWith(nothing);
      continue;
    }
    auto load = bufferization::ToTensorOp::create(builder, loc, tensor, argument);
    // Nobody else writes the memory that a kernel reads, except it itself where it updates in place.
    load.setRestrict(true);
    argument.replaceAllUsesExcept(load.getResult(), load);
  }
  kernel.setFunctionType(builder.getFunctionType(block.getArgumentTypes(), kernel.getResultTypes()));
  Operation *terminator = block.getTerminator();
  builder.setInsertionPoint(terminator);
  for (Value result : terminator->getOperands()) {
    unsigned index = kernel.getNumArguments();
    // Appending an argument cannot fail.
    (void)kernel.insertArgument(index, bufferType(result.getType()), {}, loc);
    if (hasNoElements(result.getType()))
      continue;
    Value destination = kernel.getArgument(index);
    copyLoopInit(result, destination);
    tensor::EmptyOp whole = assembledIn(result);
    if (whole) {
      OpBuilder atStart(&block, block.begin());
      auto place = bufferization::ToTensorOp::create(atStart, loc, whole.getType(), destination);
      place.setRestrict(true);
      place.setWritable(true);
      whole.replaceAllUsesWith(place.getResult());
    }
    bufferization::MaterializeInDestinationOp::create(builder, loc, Type(), result, destination, /*restrict=*/!whole,
                                                      /*writable=*/true);
  }
  func::ReturnOp::create(builder, loc);
  terminator->erase();
  kernel.setResAttrsAttr(nullptr);
  kernel.setFunctionType(builder.getFunctionType(block.getArgumentTypes(), {}));

  llvm::SmallDenseSet<unsigned> shared;
  for (auto [argument, result] : inPlace) {
    shared.insert(argument);
    shared.insert(numInputs + result);
  }
  for (unsigned index = 0; index < block.getNumArguments(); ++index)
    if (!shared.contains(index))
      kernel.setArgAttr(index, "llvm.noalias", builder.getUnitAttr());
}

void splitNarrowCasts(func::FuncOp kernel) {
  auto isWide = [](Type type) { return type.isF64(); };
  auto isNarrow = [](Type type) { return type.getIntOrFloatBitWidth() < 32; };
  kernel.walk([&](Operation *op) {
    OpBuilder builder(op);
    Type middle = builder.getF32Type();
    if (auto cast = dyn_cast<arith::TruncFOp>(op); cast && isWide(cast.getIn().getType()) && isNarrow(cast.getType()))
      cast.getInMutable().assign(arith::TruncFOp::create(builder, op->getLoc(), middle, cast.getIn()));
    if (auto cast = dyn_cast<arith::ExtFOp>(op); cast && isNarrow(cast.getIn().getType()) && isWide(cast.getType()))
      cast.getInMutable().assign(arith::ExtFOp::create(builder, op->getLoc(), middle, cast.getIn()));
  });
}

/// Whether neighbours in the innermost loop divide by one number: its reciprocal is then computed once.
static bool hasCommonDivisor(arith::DivFOp op) {
  auto generic = op->getParentOfType<linalg::GenericOp>();
  auto divisor = dyn_cast<BlockArgument>(op.getRhs());
  if (!generic || generic.getNumLoops() == 0 || !divisor || divisor.getOwner() != generic.getBody() ||
      divisor.getArgNumber() >= generic.getNumDpsInputs())
    return false;
  AffineMap map = generic.getMatchingIndexingMap(generic.getDpsInputOperand(divisor.getArgNumber()));
  return !map.isFunctionOfDim(generic.getNumLoops() - 1);
}

/// Whether a reduction's op combines what has been accumulated with a further element.
static bool accumulates(Operation *op) {
  auto generic = op->getParentOfType<linalg::GenericOp>();
  if (!generic || generic.getNumReductionLoops() == 0)
    return false;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    auto argument = dyn_cast<BlockArgument>(operand);
    return argument && argument.getOwner() == generic.getBody() && argument.getArgNumber() >= generic.getNumDpsInputs();
  });
}

void relaxArithmetic(func::FuncOp kernel) {
  kernel.walk([](arith::DivFOp op) {
    if (hasCommonDivisor(op))
      op.setFastmath(arith::FastMathFlags::arcp);
  });
  kernel.walk([](Operation *op) {
    auto flags = arith::FastMathFlags::none;
    if (isa<arith::AddFOp, arith::SubFOp, arith::MulFOp>(op))
      flags = arith::FastMathFlags::contract;
    if (isa<arith::AddFOp>(op) && accumulates(op))
      flags = flags | arith::FastMathFlags::reassoc;
    // Which of two zeros is the larger one takes instructions to find out.
    if (isa<arith::MaximumFOp, arith::MinimumFOp>(op) && accumulates(op))
      flags = arith::FastMathFlags::nsz;
    if (flags != arith::FastMathFlags::none)
      op->setAttr("fastmath", arith::FastMathFlagsAttr::get(op->getContext(), flags));
  });
}

/// Turns one structured op into loops. A sum over the innermost loop is kept in a register: its address does not depend
/// on that loop, which LLVM finds out by itself.
static LogicalResult lowerOp(IRRewriter &rewriter, linalg::LinalgOp op) {
  rewriter.setInsertionPoint(op);
  if (failed(linalg::linalgOpToLoops(rewriter, op)))
    return op->emitOpError("cannot be lowered to loops");
  rewriter.eraseOp(op);
  return success();
}

void keepBuffersOnStack(func::FuncOp kernel) {
  constexpr int64_t cacheLine = 64;
  SmallVector<memref::AllocOp> buffers;
  kernel.walk([&](memref::AllocOp buffer) { buffers.push_back(buffer); });
  OpBuilder builder(&kernel.getBody().front(), kernel.getBody().front().begin());
  int64_t left = kLargestStack;
  for (memref::AllocOp buffer : buffers) {
    MemRefType type = buffer.getType();
    std::optional<int64_t> bytes = type.hasStaticShape() ? arrayBytes(type) : std::nullopt;
    if (!bytes || *bytes > left)
      continue;
    left -= *bytes;
    Value memory = memref::AllocaOp::create(builder, buffer.getLoc(), type, builder.getI64IntegerAttr(cacheLine));
    buffer.replaceAllUsesWith(memory);
    buffer.erase();
  }
}

void copiesToLoops(func::FuncOp kernel) {
  IRRewriter rewriter(kernel.getContext());
  SmallVector<memref::CopyOp> copies;
  kernel.walk([&](memref::CopyOp copy) { copies.push_back(copy); });
  for (memref::CopyOp copy : copies) {
    rewriter.setInsertionPoint(copy);
    linalg::makeMemRefCopyOp(rewriter, copy.getLoc(), copy.getSource(), copy.getTarget());
    rewriter.eraseOp(copy);
  }
}

LogicalResult lowerToLoops(func::FuncOp kernel) {
  copiesToLoops(kernel);
  IRRewriter rewriter(kernel.getContext());
  SmallVector<linalg::LinalgOp> ops;
  kernel.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  for (linalg::LinalgOp op : ops)
    if (failed(lowerOp(rewriter, op)))
      return failure();
  if (failed(lowerForallLoops(kernel)))
    return failure();
  return checkAllocations(kernel);
}

} // namespace raddle

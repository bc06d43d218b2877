// fuse-attention: library calls of attention.
#include "VisibleKeys.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Bundle/GpuAttention.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/LinalgBuilders.h"

namespace raddle {
#define GEN_PASS_DEF_FUSEATTENTION
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

constexpr int64_t kRank = std::tuple_size_v<attention::Shape>;
using Order = SmallVector<int64_t>;

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Of an op that only moves elements, dimension i of its result is dimension `order[i]` of what it reads; nothing where
/// the op does anything else, or vectors would be torn.
std::optional<Order> transposeOrder(Operation *op) {
  Order order;
  if (auto transpose = dyn_cast_or_null<linalg::TransposeOp>(op)) {
    order.assign(transpose.getPermutation().begin(), transpose.getPermutation().end());
  } else {
    auto generic = dyn_cast_or_null<linalg::GenericOp>(op);
    if (!generic || generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1 ||
        generic.getNumParallelLoops() != generic.getNumLoops() || !generic.hasPureTensorSemantics())
      return std::nullopt;
    AffineMap in = generic.getIndexingMapsArray()[0], out = generic.getIndexingMapsArray()[1];
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    if (!in.isPermutation() || !out.isPermutation() || yield.getOperand(0) != generic.getBody()->getArgument(0))
      return std::nullopt;
    for (AffineExpr expr : out.getResults())
      order.push_back(*in.getResultPosition(expr));
  }
  if (static_cast<int64_t>(order.size()) != kRank || order.back() != kRank - 1)
    return std::nullopt;
  return order;
}

/// Elements between neighbours of each dimension of a row-major tensor whose dimensions `order` sorts: dimension i of
/// what is read is dimension `order[i]` of the tensor.
attention::Shape stridesOf(RankedTensorType stored, const Order &order) {
  SmallVector<int64_t> strides = computeSuffixProduct(stored.getShape());
  attention::Shape result;
  for (auto [stride, dim] : llvm::zip(result, order))
    stride = strides[dim];
  return result;
}

Order identity() { return llvm::to_vector(llvm::seq<int64_t>(kRank)); }

attention::Extents extentsOf(Value query, Value key, Value value) {
  ArrayRef<int64_t> q = typeOf(query).getShape(), k = typeOf(key).getShape(), v = typeOf(value).getShape();
  return {q[0], k[1], q[1] / k[1], q[2], k[2], q[3], v[3]};
}

attention::Shape maskStrides(Value mask) {
  attention::Shape strides = stridesOf(typeOf(mask), identity());
  for (auto [stride, extent] : llvm::zip(strides, typeOf(mask).getShape()))
    if (extent == 1)
      stride = 0;
  return strides;
}

/// Builds one call: operands and results with their strides.
class CallBuilder {
public:
  CallBuilder(Operation *op, Value query, Value key, Value value) : op(op), builder(op) {
    extents = extentsOf(query, key, value);
  }

  /// Reads what a chain of transposes reads.
  void addVectors(Value value) {
    Order order = identity();
    while (std::optional<Order> inner = transposeOrder(value.getDefiningOp())) {
      for (int64_t &dim : order)
        dim = (*inner)[dim];
      value = value.getDefiningOp()->getOperand(0);
      ++transposes;
    }
    ins.push_back(value);
    append(stridesOf(typeOf(value), order));
  }

  /// [B, H, S], one number a query.
  void addLogSumExp(Value value) {
    ins.push_back(value);
    append(logSumExpStrides(typeOf(value)));
  }

  /// Dimensions of one element repeat.
  void addMask(Value mask) {
    hiding = attention::Hiding::Mask;
    ins.push_back(mask);
    append(maskStrides(mask));
  }

  void addLengths(Value lengths, int64_t step) {
    hiding = attention::Hiding::Lengths;
    ins.push_back(lengths);
    append({step, 0, 0, 0});
  }

  void hideLaterKeys() { causal = true; }

  /// A result is stored as the first transpose that reads it wants it.
  void addVectorResult(Value result) {
    Order order = identity();
    RankedTensorType type = typeOf(result);
    for (Operation *user : result.getUsers())
      if (std::optional<Order> wanted = transposeOrder(user)) {
        type = typeOf(user->getResult(0));
        for (auto [dim, source] : llvm::enumerate(*wanted))
          order[source] = dim;
        ++transposes;
        break;
      }
    results.push_back({result, type, order});
    append(stridesOf(type, order));
  }

  void addLogSumExpResult(Value result) {
    results.push_back({result, typeOf(result), {}});
    append(logSumExpStrides(typeOf(result)));
  }

  /// Replaces the op; gives the number of transposes that are left out.
  int64_t finish(APFloat scale, bool backward, bool unordered) {
    SmallVector<Type> types;
    for (Result &result : results)
      types.push_back(result.type);
    auto unit = [&](bool isSet) { return isSet ? builder.getUnitAttr() : UnitAttr(); };
    auto call = exec::AttentionOp::create(
        builder, op->getLoc(), types, ins, ValueRange{}, builder.getDenseI64ArrayAttr(extents),
        builder.getDenseI64ArrayAttr(strides), builder.getF64FloatAttr(scale.convertToDouble()), unit(causal),
        unit(hiding == attention::Hiding::Mask), unit(hiding == attention::Hiding::Lengths), unit(backward),
        unit(backward && unordered), builder.getI64IntegerAttr(0));
    for (auto [result, stored] : llvm::zip(results, call.getTensors()))
      replace(result, stored);
    op->erase();
    return transposes;
  }

private:
  /// A result of the op that is replaced: the type it is stored in, and which dimension of that each of its own is.
  struct Result {
    Value original;
    RankedTensorType type;
    Order order;
  };

  void append(const attention::Shape &more) { strides.append(more.begin(), more.end()); }

  static attention::Shape logSumExpStrides(RankedTensorType type) {
    SmallVector<int64_t> strides = computeSuffixProduct(type.getShape());
    return {strides[0], strides[1], strides[2], 1};
  }

  /// Transposes of the stored order go; other users get the original order back.
  void replace(Result &result, Value stored) {
    if (result.order.empty() || result.order == identity()) {
      result.original.replaceAllUsesWith(stored);
      return;
    }
    for (Operation *user : llvm::make_early_inc_range(result.original.getUsers())) {
      std::optional<Order> order = transposeOrder(user);
      if (!order || invertPermutationVector(*order) != result.order)
        continue;
      user->getResult(0).replaceAllUsesWith(stored);
      user->erase();
    }
    if (result.original.use_empty())
      return;
    RankedTensorType type = typeOf(result.original);
    Value empty = tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType());
    auto back = linalg::TransposeOp::create(builder, op->getLoc(), stored, empty, result.order);
    result.original.replaceAllUsesWith(back->getResult(0));
  }

  Operation *op;
  OpBuilder builder;
  attention::Extents extents;
  SmallVector<Value> ins;
  SmallVector<int64_t> strides;
  SmallVector<Result> results;
  attention::Hiding hiding = attention::Hiding::Nothing;
  bool causal = false;
  int64_t transposes = 0;
};

bool isNarrow(Type element) { return element.isF16() || element.isBF16(); }

/// Why no library has a call for the op; empty if they have one.
template <typename Op> StringRef reasonAgainst(Op op) {
  Type vectors = typeOf(op.getQuery()).getElementType();
  if (!vectors.isF32() && !isNarrow(vectors))
    return "libraries have f32, f16 and bf16 only";
  if (Value mask = op.getMask()) {
    Type element = typeOf(mask).getElementType();
    if (element != vectors && !element.isF32() && !element.isInteger(1))
      return "the library has masks of i1, f32 and the vectors' type only";
  }
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes())) {
    auto tensor = cast<RankedTensorType>(type);
    if (tensor.getNumElements() == 0)
      return "a tensor is empty";
    if (llvm::any_of(tensor.getShape(), [](int64_t extent) { return extent > std::numeric_limits<int32_t>::max(); }))
      return "a tensor is too large for the library";
  }
  return "";
}

/// Why cuDNN has none. Boolean masks are no reason: they become additive.
template <typename Op> StringRef reasonAgainstCudnn(Op op) {
  // Its log-sum-exp is not what the gradient of a mask reads where no key is visible, and that has all scores anyway.
  if (llvm::any_of(op.getLse().getUsers(), [](Operation *user) { return !isa<nn::AttentionGradOp>(user); }))
    return "something else reads the log-sum-exp, as the gradient of a mask does";
  attention::GpuCall call{extentsOf(op.getQuery(), op.getKey(), op.getValue()),
                          isNarrow(typeOf(op.getQuery()).getElementType()),
                          op.getMask() ? attention::Hiding::Mask : attention::Hiding::Nothing, /*isAdditive=*/true};
  if (op.getMask())
    call.maskStrides = maskStrides(op.getMask());
  const char *reason = attention::reasonAgainst(call);
  return reason ? reason : "";
}

/// Of a boolean mask: 0 where a key is visible and −inf where it is not, of the vectors' type.
Value makeAdditive(Operation *op, Value mask, Type element) {
  OpBuilder builder(op);
  auto type = RankedTensorType::get(typeOf(mask).getShape(), element);
  return buildElementwise(builder, op->getLoc(), type, mask, {}, [&](const Scalars &s, ValueRange args) {
    Value hidden = s.constant(element, -std::numeric_limits<double>::infinity());
    return s.select(args[0], s.constant(element, 0.0), hidden);
  });
}

/// Of lengths that lie side by side, or of one for all: the mask [B, 1, 1, T] of the vectors' type that hides by −inf
/// what they hide.
Value makeAdditive(Operation *op, const VisibleKeys &visible, int64_t keys, Type element) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  int64_t count = typeOf(visible.lengths).getNumElements();
  Value lengths = buildReshape(builder, loc, visible.lengths, count);
  auto type = RankedTensorType::get({count, 1, 1, keys}, element);
  return buildElementwise(builder, loc, type, lengths, projection(builder.getContext(), kRank, 0),
                          [&](const Scalars &s, ValueRange args) {
                            Value isVisible = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::slt,
                                                                    s.position(kRank - 1, args[0].getType()), args[0]);
                            Value hidden = s.constant(element, -std::numeric_limits<double>::infinity());
                            return s.select(isVisible, s.constant(element, 0.0), hidden);
                          });
}

struct FuseAttentionPass : raddle::impl::FuseAttentionBase<FuseAttentionPass> {
  using FuseAttentionBase::FuseAttentionBase;

  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) {
      if (isa<nn::AttentionOp, nn::AttentionGradOp>(op))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      if (auto forward = dyn_cast<nn::AttentionOp>(op))
        lower(forward);
      else
        lower(cast<nn::AttentionGradOp>(op));
    }
  }

private:
  /// A call with the operands that forward and backward have in common; nothing where the library has none.
  template <typename Op> std::optional<CallBuilder> begin(Op op) {
    StringRef reason = reasonAgainst(op);
    if (reason.empty() && cudnn)
      reason = reasonAgainstCudnn(op);
    if (!reason.empty()) {
      ++numLeft;
      remark::missed(op->getLoc(), remark::RemarkOpts::name("decomposed").category("fuse-attention"))
          << op->getName().getStringRef().str() << " has its scores in memory: " << reason.str();
      return std::nullopt;
    }
    CallBuilder call(op, op.getQuery(), op.getKey(), op.getValue());
    for (Value value : {op.getQuery(), op.getKey(), op.getValue()})
      call.addVectors(value);
    if (op.getCausal())
      call.hideLaterKeys();
    if (op.getMask())
      addHidden(op, op.getMask(), call);
    ++numCalls;
    return call;
  }

  /// What the mask hides, in words that the library has if possible.
  void addHidden(Operation *op, Value mask, CallBuilder &call) {
    RankedTensorType query = typeOf(op->getOperand(0)), key = typeOf(op->getOperand(1));
    int64_t keys = key.getDimSize(2);
    StringRef reason;
    std::optional<VisibleKeys> visible = readMask(mask, query.getDimSize(2), keys, reason);
    // Lengths of some rows of a matrix would have to be gathered first.
    if (visible && visible->lengths && cudnn &&
        typeOf(visible->lengths).getNumElements() != (visible->step ? query.getDimSize(0) : 1))
      visible.reset();
    if (!visible) {
      if (!reason.empty())
        remark::missed(op->getLoc(), remark::RemarkOpts::name("mask").category("fuse-attention"))
            << op->getName().getStringRef().str() << " reads its mask element by element: " << reason.str();
      if (cudnn && typeOf(mask).getElementType().isInteger(1))
        mask = makeAdditive(op, mask, query.getElementType());
      call.addMask(mask);
      return;
    }
    ++numMasks;
    if (visible->causal)
      call.hideLaterKeys();
    if (visible->lengths && cudnn)
      call.addMask(makeAdditive(op, *visible, keys, query.getElementType()));
    else if (visible->lengths)
      call.addLengths(visible->lengths, visible->step);
  }

  void lower(nn::AttentionOp op) {
    std::optional<CallBuilder> call = begin(op);
    if (!call)
      return;
    call->addVectorResult(op.getOut());
    call->addLogSumExpResult(op.getLse());
    numTransposes += call->finish(op.getScale(), /*backward=*/false, unordered);
  }

  void lower(nn::AttentionGradOp op) {
    std::optional<CallBuilder> call = begin(op);
    if (!call)
      return;
    call->addVectors(op.getOut());
    call->addLogSumExp(op.getLse());
    call->addVectors(op.getOutGrad());
    for (Value result : {op.getQueryGrad(), op.getKeyGrad(), op.getValueGrad()})
      call->addVectorResult(result);
    numTransposes += call->finish(op.getScale(), /*backward=*/true, unordered);
  }
};

} // namespace

// nn-narrow-products: matrix products, convolutions and attention of f32 take bf16.
#include "NarrowValues.h"
#include "StoreNarrow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"
#include "raddle/Utils/LinalgBuilders.h"
#include "raddle/Utils/TensorQueries.h"

namespace raddle {
#define GEN_PASS_DEF_NNNARROWPRODUCTS
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

/// A sum of products that is one of matrices: rows of one operand, columns of the other, and more than one number to
/// add. What the gradient of an elementwise product with a broadcast factor sums has no rows, or no columns.
static bool isMatrixProduct(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || op->getNumResults() != 1)
    return false;
  FailureOr<linalg::ContractionDimensions> loops = linalg::inferContractionDims(op);
  if (failed(loops) || loops->m.empty() || loops->n.empty())
    return false;
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  return llvm::any_of(loops->k, [&](unsigned loop) { return extents[loop] > 1; });
}

bool nn::isNarrowable(Operation *op) {
  bool isProduct = isa<nn::ConvOp, nn::ConvTransposeOp, nn::ConvWeightGradOp, nn::AttentionOp, nn::AttentionGradOp,
                       nn::AttentionMaskGradOp, moe::GroupedMatmulOp, moe::GroupedOuterOp>(op);
  if (auto structured = dyn_cast<linalg::LinalgOp>(op))
    isProduct = isMatrixProduct(structured) && isSingle(op->getResult(0));
  return isProduct && isSingle(op->getOperand(0)) && isSingle(op->getOperand(1));
}

namespace {

/// The one yielded value of an elementwise generic with one result; null for other ops.
Value findElementwise(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic->getNumResults() != 1 || generic.getNumParallelLoops() != generic.getNumLoops())
    return {};
  return generic.getBody()->getTerminator()->getOperand(0);
}

/// Functions that PyTorch's autocast computes in f32 and gives as f32: small errors of what they take become large
/// ones.
bool isSteep(Value yielded) {
  return isa_and_nonnull<math::ExpOp, math::Exp2Op, math::ExpM1Op, math::LogOp, math::Log2Op, math::Log10Op,
                         math::Log1pOp, math::PowFOp, math::FPowIOp, math::RsqrtOp, math::TanOp, math::SinhOp,
                         math::CoshOp, math::AsinOp, math::AcosOp>(yielded.getDefiningOp());
}

/// Norms and pooling that keep the type of their first operand, and their gradients; the operand that decides.
Value findKeptOperand(Operation *op) {
  if (isa<nn::BatchNormOp, nn::MaxPoolOp, nn::SumPoolOp, nn::MaxPoolGradOp, nn::SumPoolGradOp, nn::DropoutOp>(op))
    return op->getOperand(0);
  auto grad = dyn_cast<nn::BatchNormGradOp>(op);
  return grad ? grad.getOutGrad() : Value();
}

class FunctionNarrower {
public:
  explicit FunctionNarrower(func::FuncOp function) : function(function), values(function.getContext()) {}

  int64_t run() {
    SmallVector<Operation *> ops;
    for (Operation &op : function.getBody().front().without_terminator())
      ops.push_back(&op);
    for (Operation *op : ops) {
      OpBuilder builder(op);
      noteConstant(op);
      if (nn::isNarrowable(op) && !constants.contains(op->getOperand(0)) && !constants.contains(op->getOperand(1)))
        narrowProduct(builder, op);
      else if (!nn::movedTensors(op).empty())
        moveNarrow(builder, op);
      else if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
        roundRows(builder, embedding);
      else
        roundResult(builder, op);
    }
    return numNarrowed;
  }

private:
  /// What is computed from no argument of the function is exact knowledge, such as the matrix of a Fourier transform.
  void noteConstant(Operation *op) {
    llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
    if (op->getNumRegions())
      getUsedValuesDefinedAbove(op->getRegions(), used);
    if (llvm::all_of(used, [&](Value value) { return constants.contains(value); }))
      constants.insert(op->result_begin(), op->result_end());
  }

  /// Whether nothing but results of the function is made of the value: the gradients of parameters, for one. They are
  /// not rounded.
  bool isForResults(Value value) {
    auto [known, isNew] = forResults.insert({value, false});
    if (!isNew)
      return known->second;
    bool answer = llvm::all_of(value.getUsers(), [&](Operation *user) {
      if (user->hasTrait<OpTrait::IsTerminator>())
        return true;
      return (findElementwise(user) || !nn::movedTensors(user).empty()) && isForResults(user->getResult(0));
    });
    return forResults[value] = answer;
  }

  void narrowProduct(OpBuilder &builder, Operation *op) {
    ++numNarrowed;
    bool keepsSums = isForResults(op->getResult(0));
    if (auto product = dyn_cast<linalg::LinalgOp>(op)) {
      Value sums = buildProduct(builder, product);
      op->getResult(0).replaceAllUsesWith(keepsSums ? sums : addDerived(values.round(builder, sums)));
    } else {
      // An attention always gives the type that it takes.
      keepsSums &=
          isa<nn::ConvOp, nn::ConvTransposeOp, nn::ConvWeightGradOp, moe::GroupedMatmulOp, moe::GroupedOuterOp>(op);
      replaceWhole(builder, op, keepsSums);
    }
    op->erase();
  }

  /// The sum of products with operands of bf16 and sums of f32.
  Value buildProduct(OpBuilder &builder, linalg::LinalgOp op) {
    SmallVector<Value> factors;
    for (Value input : op.getDpsInputs())
      factors.push_back(values.get(builder, input));
    return linalg::GenericOp::create(builder, op.getLoc(), op->getResultTypes(), factors, op.getDpsInits(),
                                     op.getIndexingMapsArray(), op.getIteratorTypesArray(),
                                     [](OpBuilder &body, Location loc, ValueRange args) {
                                       Scalars s{body, loc};
                                       Type type = args[2].getType();
                                       Value product = s.mul(s.castFloat(args[0], type), s.castFloat(args[1], type));
                                       linalg::YieldOp::create(body, loc, s.add(args[2], product));
                                     })
        .getResult(0);
  }

  /// An op that takes and gives bf16. Statistics and masks of an attention stay what they are.
  void replaceWhole(OpBuilder &builder, Operation *op, bool keepsSums) {
    SmallVector<Value> operands(op->getOperands());
    bool isForward = isa<nn::AttentionOp>(op), isMaskGrad = isa<nn::AttentionMaskGradOp>(op);
    for (Value &operand : operands)
      if (nn::isSingle(operand) && !isStatistic(op, operand))
        operand = values.get(builder, operand);
    OperationState state(op->getLoc(), op->getName(), operands, op->getResultTypes(), op->getAttrs());
    Operation *replacement = builder.create(state);
    for (auto [index, old] : llvm::enumerate(op->getResults())) {
      Value result = replacement->getResult(index);
      if (keepsSums || isMaskGrad || (isForward && index == 1)) {
        old.replaceAllUsesWith(result);
        continue;
      }
      result.setType(values.typeOf(result));
      old.replaceAllUsesWith(addDerived(values.widen(builder, result)));
    }
  }

  static bool isStatistic(Operation *op, Value operand) {
    return llvm::TypeSwitch<Operation *, bool>(op)
        .Case([&](nn::AttentionOp attention) { return operand == attention.getMask(); })
        .Case<nn::AttentionGradOp, nn::AttentionMaskGradOp>(
            [&](auto grad) { return operand == grad.getMask() || operand == grad.getLse(); })
        .Default(false);
  }

  Value addDerived(Value value) {
    derived.insert(value);
    return value;
  }

  void moveNarrow(OpBuilder &builder, Operation *op) {
    bool isDerived = llvm::any_of(nn::movedTensors(op), [&](Value value) { return derived.contains(value); });
    Value moved = values.move(builder, op);
    Value result = moved ? moved : op->getResult(0);
    if (isDerived && (moved || llvm::all_of(nn::movedTensors(op), [&](Value v) { return derived.contains(v); })))
      addDerived(result);
    if (moved)
      op->erase();
  }

  /// Rows of a parameter are what its rounded table has, so that the table may be gathered rounded.
  void roundRows(OpBuilder &builder, nn::EmbeddingOp op) {
    auto table = dyn_cast<BlockArgument>(op.getTable());
    if (!table || !nn::isSingle(table) || !function.getArgAttr(table.getArgNumber(), "nn.param"))
      return;
    builder.setInsertionPointAfter(op);
    values.round(builder, op.getOut());
  }

  /// Elementwise work on results of products gives bf16 as well where its result has a place in memory: where it has no
  /// single reader that computes it on its way.
  void roundResult(OpBuilder &builder, Operation *op) {
    Value kept = findKeptOperand(op);
    if (kept ? !derived.contains(kept) : !derivesElements(op))
      return;
    Value result = op->getResult(0);
    bool isFused = !kept && result.hasOneUse() && isa<linalg::LinalgOp>(*result.user_begin());
    bool isResult =
        llvm::all_of(result.getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); });
    addDerived(result);
    if (isFused || isResult)
      return;
    builder.setInsertionPointAfter(op);
    addDerived(values.round(builder, result));
  }

  /// Whether PyTorch's rule for types would give bf16: what is read are results of products, numbers, and vectors,
  /// which are biases and the like.
  bool derivesElements(Operation *op) {
    Value yielded = findElementwise(op);
    if (!yielded || !nn::isSingle(op->getResult(0)) || isSteep(yielded))
      return false;
    bool isDerived = false;
    for (Value input : cast<linalg::LinalgOp>(op).getDpsInputs()) {
      if (!isa<FloatType>(getElementTypeOrSelf(input)))
        continue;
      auto type = dyn_cast<RankedTensorType>(input.getType());
      bool isVector = !type || type.getRank() < 2;
      if (derived.contains(input))
        isDerived = true;
      else if (!isVector)
        return false;
    }
    return isDerived;
  }

  func::FuncOp function;
  nn::NarrowValues values;
  /// Values that are computed from no argument, and those that are computed element by element from results of
  /// products.
  llvm::DenseSet<Value> constants, derived;
  llvm::DenseMap<Value, bool> forResults;
  int64_t numNarrowed = 0;
};

struct NNNarrowProductsPass : raddle::impl::NNNarrowProductsBase<NNNarrowProductsPass> {
  using Base::Base;

  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      if (failed(checkBody(function)))
        return signalPassFailure();
      numNarrowed += FunctionNarrower(function).run();
      if (storeParameters)
        numStored += nn::storeNarrow(function);
    }
  }
};

} // namespace

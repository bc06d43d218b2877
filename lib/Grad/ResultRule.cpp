#include "ResultRule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace raddle {
namespace {

class ResultClassifier {
public:
  ResultClassifier(linalg::LinalgOp op, std::string &why)
      : op(op), why(why), maps(op.getIndexingMapsArray()), body(op.getBlock()) {}

  LogicalResult run(ValueRange resultGrads, SmallVectorImpl<ResultRule> &rules) {
    bool reduces = op.getNumReductionLoops() > 0;
    for (unsigned result = 0; result < op.getNumDpsInits(); ++result) {
      ResultRule rule;
      rule.inner = yielded(result);
      if (resultGrads[result] && failed(checkLoops(result)))
        return failure();
      if (resultGrads[result] && reduces && failed(classifyReduction(result, rule)))
        return failure();
      rules.push_back(rule);
    }
    return success();
  }

private:
  LogicalResult fail(const Twine &reason) {
    why = reason.str();
    return failure();
  }

  Value yielded(unsigned result) { return body->getTerminator()->getOperand(result); }
  BlockArgument accumulator(unsigned result) { return body->getArgument(op.getNumDpsInputs() + result); }

  /// Upstream accepts a parallel loop that a result does not depend on, though its iterations would race.
  LogicalResult checkLoops(unsigned result) {
    AffineMap map = maps[op.getNumDpsInputs() + result];
    for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray()))
      if (type == utils::IteratorType::parallel && !map.isFunctionOfDim(loop))
        return fail("loop " + Twine(loop) + " is parallel, but the result does not depend on it");
    return success();
  }

  /// Whether the value is computed from an accumulator.
  bool readsAccumulator(Value value) {
    return computedFrom(value, [&](BlockArgument argument) { return argument.getArgNumber() >= op.getNumDpsInputs(); });
  }

  /// Whether an argument of the body that `matches` is read on the way to the value.
  bool computedFrom(Value value, llvm::function_ref<bool(BlockArgument)> matches) {
    llvm::SetVector<Value> seen;
    seen.insert(value);
    for (size_t next = 0; next < seen.size(); ++next) {
      if (auto argument = dyn_cast<BlockArgument>(seen[next])) {
        if (argument.getOwner() == body && matches(argument))
          return true;
      } else if (Operation *producer = seen[next].getDefiningOp(); producer->getBlock() == body) {
        seen.insert(producer->operand_begin(), producer->operand_end());
      }
    }
    return false;
  }

  LogicalResult classifyReduction(unsigned result, ResultRule &rule) {
    if (failed(classifyCombiner(result, rule)))
      return failure();
    if (readsAccumulator(rule.inner))
      return fail("what it combines depends on an accumulator");
    return success();
  }

  LogicalResult classifyCombiner(unsigned result, ResultRule &rule) {
    Operation *combiner = yielded(result).getDefiningOp();
    BlockArgument acc = accumulator(result);
    auto other = [&]() -> Value {
      if (!combiner || combiner->getNumOperands() != 2)
        return {};
      if (combiner->getOperand(0) == acc)
        return combiner->getOperand(1);
      return combiner->getOperand(1) == acc ? combiner->getOperand(0) : Value();
    };
    rule.inner = other();
    if (rule.inner && isa<arith::AddFOp>(combiner) && acc.hasOneUse()) {
      rule.kind = ResultKind::Sum;
      return success();
    }
    if (rule.inner && isa<arith::MulFOp>(combiner) && acc.hasOneUse()) {
      rule.kind = ResultKind::Product;
      return success();
    }
    if (rule.inner && isa<arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(combiner)) {
      rule.kind = ResultKind::Extremum;
      findIndexResult(result, rule);
      return success();
    }
    // As torch.max has it: where a comparison chooses the new element, it chooses its position too.
    auto select = dyn_cast_or_null<arith::SelectOp>(combiner);
    if (select && select.getFalseValue() == acc) {
      findIndexResult(result, rule, select.getCondition());
      if (rule.indexResult >= 0) {
        rule.kind = ResultKind::Extremum;
        rule.inner = select.getTrueValue();
        return success();
      }
    }
    return fail("its body is neither elementwise nor a sum, product, maximum or minimum over an accumulator");
  }

  /// Looks for a result whose body selects, where a new extremum is found (by `condition`, if given), the position of a
  /// loop.
  void findIndexResult(unsigned extremum, ResultRule &rule, Value condition = {}) {
    for (unsigned result = 0; result < op.getNumDpsInits(); ++result) {
      auto select = yielded(result).getDefiningOp<arith::SelectOp>();
      if (!select || select.getFalseValue() != accumulator(result) || (condition && select.getCondition() != condition))
        continue;
      // The position must be chosen by a comparison with this very extremum.
      if (!computedFrom(select.getCondition(),
                        [&](BlockArgument argument) { return argument == accumulator(extremum); }))
        continue;
      Value position = select.getTrueValue();
      if (auto cast = position.getDefiningOp<arith::IndexCastOp>())
        position = cast.getIn();
      if (auto index = position.getDefiningOp<linalg::IndexOp>()) {
        rule.indexResult = result;
        rule.indexLoop = index.getDim();
      }
    }
  }

  linalg::LinalgOp op;
  std::string &why;
  SmallVector<AffineMap> maps;
  Block *body;
};

} // namespace

LogicalResult classifyResults(linalg::LinalgOp op, ValueRange resultGrads, SmallVectorImpl<ResultRule> &rules,
                              std::string &why) {
  return ResultClassifier(op, why).run(resultGrads, rules);
}

} // namespace raddle

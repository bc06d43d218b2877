#include "GenericRule.h"

#include "ResultRule.h"
#include "ScalarDerivative.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle {
namespace {

/// One operand of a gradient's generic: a tensor, its map, and the argument of the scratch body that stands for its
/// element.
struct GradInput {
  Value value;
  AffineMap map;
};

class StructuredGradient {
public:
  StructuredGradient(linalg::LinalgOp op, OpBuilder &builder, ValueRange resultGrads, std::string &why)
      : op(op), builder(builder), loc(op.getLoc()), resultGrads(resultGrads), why(why), maps(op.getIndexingMapsArray()),
        body(op.getBlock()) {}

  LogicalResult run(ArrayRef<bool> wanted, SmallVectorImpl<Value> &operandGrads) {
    if (failed(classifyResults(op, resultGrads, rules, why)))
      return failure();
    collectInputs();
    for (unsigned operand = 0, e = op->getNumOperands(); operand < e; ++operand) {
      if (!wanted[operand])
        continue;
      bool isInit = operand >= op.getNumDpsInputs();
      if (isInit && rules[operand - op.getNumDpsInputs()].kind == ResultKind::Sum) {
        operandGrads[operand] = resultGrads[operand - op.getNumDpsInputs()];
        continue;
      }
      if (isInit && rules[operand - op.getNumDpsInputs()].kind == ResultKind::Extremum)
        continue; // What a maximum starts from is a constant.
      if (isInit && rules[operand - op.getNumDpsInputs()].kind == ResultKind::Product)
        return fail("the value that its product starts from has a gradient");
      if (failed(buildOperandGradient(operand, operandGrads[operand])))
        return failure();
    }
    return success();
  }

private:
  LogicalResult fail(const Twine &reason) {
    why = reason.str();
    return failure();
  }

  /// Operands of every gradient: the forward inputs, inits that an elementwise body reads, the incoming gradients, and
  /// what an extremum compares with.
  void collectInputs() {
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      inputs.push_back({operand, maps[index]});
    for (unsigned result = 0; result < rules.size(); ++result) {
      gradInput.push_back(-1);
      foundInput.push_back(-1);
      countInput.push_back(-1);
      if (!resultGrads[result])
        continue;
      AffineMap map = maps[op.getNumDpsInputs() + result];
      gradInput.back() = inputs.size();
      inputs.push_back({resultGrads[result], map});
      if (rules[result].kind == ResultKind::Product) {
        foundInput.back() = inputs.size();
        inputs.push_back({buildProductOfOthers(result), map});
        countInput.back() = inputs.size();
        inputs.push_back({buildCount(result, {}), map});
      }
      if (rules[result].kind != ResultKind::Extremum)
        continue;
      foundInput.back() = inputs.size();
      if (rules[result].indexResult >= 0) {
        inputs.push_back({op->getResult(rules[result].indexResult), map});
        continue;
      }
      inputs.push_back({op->getResult(result), map});
      countInput.back() = inputs.size();
      inputs.push_back({buildCount(result, op->getResult(result)), map});
    }
  }

  /// Reduces what the body gives for every element to a tensor of the result's type. `fold` gets the accumulator, the
  /// body's value and, if `extra` is given, its element.
  Value reduceInner(unsigned result, Value extra, double init,
                    llvm::function_ref<Value(const Scalars &, Value acc, Value inner, Value extra)> fold) {
    AffineMap map = maps[op.getNumDpsInputs() + result];
    SmallVector<Value> values(op.getDpsInputs());
    SmallVector<AffineMap> inputMaps(maps.begin(), maps.begin() + op.getNumDpsInputs());
    if (extra) {
      values.push_back(extra);
      inputMaps.push_back(map);
    }
    auto type = cast<RankedTensorType>(op->getResult(result).getType());
    return buildReduction(builder, loc, type, values, inputMaps, map, init, [&](const Scalars &s, ValueRange args) {
      IRMapping mapping;
      cloneBody(s.builder, args.take_front(op.getNumDpsInputs()), mapping);
      Value inner = mapping.lookupOrDefault(rules[result].inner);
      return fold(s, args.back(), inner, extra ? args[op.getNumDpsInputs()] : Value());
    });
  }

  static Value equals(const Scalars &s, Value a, Value b) {
    return arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, a, b);
  }

  /// Number of elements that equal `value`, a tensor of the result's type; without it, that equal 0.
  Value buildCount(unsigned result, Value value) {
    return reduceInner(result, value, 0.0, [](const Scalars &s, Value acc, Value inner, Value wanted) {
      Value equal = equals(s, inner, wanted ? wanted : s.constantLike(inner, 0.0));
      return s.add(acc, s.select(equal, s.constantLike(inner, 1.0), s.constantLike(inner, 0.0)));
    });
  }

  /// Product of the elements that are not 0.
  Value buildProductOfOthers(unsigned result) {
    return reduceInner(result, {}, 1.0, [](const Scalars &s, Value acc, Value inner, Value) {
      Value isZero = equals(s, inner, s.constantLike(inner, 0.0));
      return s.mul(acc, s.select(isZero, s.constantLike(inner, 1.0), inner));
    });
  }

  /// Clones what the body computes from its inputs alone, without what reads an accumulator of a reduction.
  void cloneBody(OpBuilder &nested, ValueRange arguments, IRMapping &mapping) {
    for (auto [from, to] : llvm::zip(body->getArguments(), arguments))
      mapping.map(from, to);
    for (Operation &inner : body->without_terminator())
      if (llvm::all_of(inner.getOperands(),
                       [&](Value operand) { return mapping.contains(operand) || operand.getParentBlock() != body; }))
        nested.clone(inner, mapping);
  }

  /// The adjoint that a result hands to its inner value, inside the scratch body.
  Value buildSeed(const Scalars &s, unsigned result, Value inner, Block *scratch) {
    Value grad = scratch->getArgument(gradInput[result]);
    if (rules[result].kind == ResultKind::Product)
      return buildProductSeed(s, result, inner, scratch);
    if (rules[result].kind != ResultKind::Extremum)
      return grad;
    Value found = scratch->getArgument(foundInput[result]);
    Value zero = s.constantLike(grad, 0.0);
    if (rules[result].indexResult >= 0) {
      Value here = s.position(rules[result].indexLoop, found.getType());
      Value chosen = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, here, found);
      return s.select(chosen, grad, zero);
    }
    Value tied = arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, inner, found);
    return s.select(tied, s.div(grad, scratch->getArgument(countInput[result])), zero);
  }

  /// The gradient times the start and the product of the other elements: without zeros all of it over the element; with
  /// one zero, that element has the product of the rest; with more none has any.
  Value buildProductSeed(const Scalars &s, unsigned result, Value inner, Block *scratch) {
    Value grad = scratch->getArgument(gradInput[result]), zero = s.constantLike(grad, 0.0);
    Value others = scratch->getArgument(foundInput[result]), zeros = scratch->getArgument(countInput[result]);
    Value isZero = equals(s, inner, zero);
    Value start = scratch->getArgument(op.getNumDpsInputs() + result);
    Value rest = s.div(s.mul(start, others), s.select(isZero, s.constantLike(inner, 1.0), inner));
    // The element's own zero does not count.
    Value own = s.select(isZero, s.constantLike(grad, 1.0), zero);
    return s.mul(grad, s.select(equals(s, zeros, own), rest, zero));
  }

  /// Fills `scratch`, which has one argument an input, and gives the adjoint of `operand`'s element.
  FailureOr<Value> differentiateBody(unsigned operand, Block *scratch) {
    OpBuilder nested(builder.getContext());
    nested.setInsertionPointToStart(scratch);
    bool reduces = op.getNumReductionLoops() > 0;
    unsigned visible = reduces ? op.getNumDpsInputs() : op->getNumOperands();
    IRMapping mapping;
    cloneBody(nested, scratch->getArguments().take_front(visible), mapping);
    SmallVector<Operation *> cloned;
    for (Operation &inner : *scratch)
      cloned.push_back(&inner);

    ScalarAdjoints adjoints(nested);
    for (unsigned result = 0; result < rules.size(); ++result) {
      if (!resultGrads[result])
        continue;
      Value inner = mapping.lookupOrDefault(rules[result].inner);
      adjoints.add(inner, buildSeed(Scalars{nested, loc}, result, inner, scratch));
    }
    for (Operation *inner : llvm::reverse(cloned))
      if (failed(adjoints.propagate(inner))) {
        why = ("'" + inner->getName().getStringRef() + "' in its body has no derivative").str();
        return failure();
      }
    return adjoints.get(scratch->getArgument(operand));
  }

  LogicalResult buildOperandGradient(unsigned operand, Value &gradient) {
    AffineMap map = maps[operand];
    if (failed(checkMap(map, cast<RankedTensorType>(op->getOperand(operand).getType()))))
      return failure();
    Block scratch;
    for (const GradInput &input : inputs) {
      Type type = input.value.getType();
      scratch.addArgument(isa<ShapedType>(type) ? cast<ShapedType>(type).getElementType() : type, loc);
    }
    FailureOr<Value> adjoint = differentiateBody(operand, &scratch);
    if (failed(adjoint))
      return failure();
    if (!*adjoint)
      return success(); // The element does not depend on this operand.
    eraseDead(&scratch, *adjoint);
    gradient = buildGeneric(operand, map, &scratch, *adjoint);
    return success();
  }

  /// A gradient can be written through a map that reads every loop at most once, or constant zeros (of unit
  /// dimensions).
  LogicalResult checkMap(AffineMap map, RankedTensorType type) {
    llvm::SmallDenseSet<unsigned> seen;
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      auto constant = dyn_cast<AffineConstantExpr>(expr);
      if (constant && constant.getValue() == 0 && type.getDimSize(position) == 1)
        continue;
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim || !seen.insert(dim.getPosition()).second) {
        std::string text;
        llvm::raw_string_ostream(text) << map;
        return fail("the operand's map " + text + " reads other than loops, each once");
      }
    }
    return success();
  }

  static void eraseDead(Block *block, Value kept) {
    for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(*block)))
      if (inner.use_empty() && !llvm::is_contained(inner.getResults(), kept))
        inner.erase();
  }

  Value buildGeneric(unsigned operand, AffineMap map, Block *scratch, Value adjoint) {
    auto type = cast<RankedTensorType>(op->getOperand(operand).getType());
    // Unit dimensions behind a constant map result are dropped, and put back behind.
    SmallVector<int64_t> shape;
    SmallVector<AffineExpr> results;
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      if (isa<AffineConstantExpr>(expr))
        continue;
      shape.push_back(type.getDimSize(dim));
      results.push_back(expr);
    }
    AffineMap outputMap = AffineMap::get(map.getNumDims(), 0, results, builder.getContext());
    auto outputType = RankedTensorType::get(shape, type.getElementType());

    SmallVector<unsigned> used = selectInputs(scratch, adjoint, outputMap);
    SmallVector<Value> values;
    SmallVector<AffineMap> inputMaps;
    for (unsigned index : used) {
      values.push_back(inputs[index].value);
      inputMaps.push_back(inputs[index].map);
    }
    bool sums = outputMap.getNumResults() < outputMap.getNumDims();
    auto buildBody = [&](const Scalars &s, ValueRange args) -> Value {
      IRMapping mapping;
      for (auto [position, index] : llvm::enumerate(used))
        mapping.map(scratch->getArgument(index), args[position]);
      for (Operation &inner : *scratch)
        s.builder.clone(inner, mapping);
      Value result = mapping.lookup(adjoint);
      return sums ? s.add(args.back(), result) : result;
    };
    Value result;
    if (sums || !outputMap.isIdentity()) {
      result = buildReduction(builder, loc, outputType, values, inputMaps, outputMap, 0.0, buildBody);
    } else {
      result = buildElementwise(builder, loc, outputType, values, inputMaps, buildBody);
    }
    return buildReshape(builder, loc, result, type.getShape());
  }

  /// Inputs that the scratch body reads, and as many more as give every loop its bound.
  SmallVector<unsigned> selectInputs(Block *scratch, Value adjoint, AffineMap outputMap) {
    SmallVector<unsigned> used;
    llvm::SmallBitVector bounded(outputMap.getNumDims());
    auto bound = [&](AffineMap map) {
      bool grew = false;
      for (AffineExpr expr : map.getResults())
        if (auto dim = dyn_cast<AffineDimExpr>(expr); dim && !bounded.test(dim.getPosition())) {
          bounded.set(dim.getPosition());
          grew = true;
        }
      return grew;
    };
    bound(outputMap);
    for (unsigned index = 0; index < inputs.size(); ++index)
      if (!scratch->getArgument(index).use_empty() || scratch->getArgument(index) == adjoint) {
        used.push_back(index);
        bound(inputs[index].map);
      }
    for (unsigned index = 0; index < inputs.size() && !bounded.all(); ++index)
      if (!llvm::is_contained(used, index) && bound(inputs[index].map))
        used.push_back(index);
    return used;
  }

  linalg::LinalgOp op;
  OpBuilder &builder;
  Location loc;
  ValueRange resultGrads;
  std::string &why;
  SmallVector<AffineMap> maps;
  Block *body;
  SmallVector<ResultRule> rules;
  SmallVector<GradInput> inputs;
  /// Index in `inputs`, one a result: its gradient, the extremum or its index (of a product: the product of what is not
  /// 0), the number of ties (of zeros); -1: none.
  SmallVector<int> gradInput, foundInput, countInput;
};

} // namespace

LogicalResult differentiateStructuredOp(linalg::LinalgOp op, OpBuilder &builder, ValueRange resultGrads,
                                        ArrayRef<bool> wanted, SmallVectorImpl<Value> &operandGrads, std::string &why) {
  return StructuredGradient(op, builder, resultGrads, why).run(wanted, operandGrads);
}

} // namespace raddle

#include "CaptureRule.h"

#include "ScalarDerivative.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "raddle/Utils/LinalgBuilders.h"

using namespace mlir;

namespace raddle {
namespace {

/// One loop over all elements of an elementwise op, its positions computed from the flat one.
class CaptureGradient {
public:
  CaptureGradient(linalg::LinalgOp op, Value captured, ValueRange resultGrads, std::string &why)
      : op(op), captured(captured), resultGrads(resultGrads), why(why), maps(op.getIndexingMapsArray()) {}

  FailureOr<Value> run(OpBuilder &builder) {
    Location loc = op.getLoc();
    int64_t elements = ShapedType::getNumElements(op.getStaticLoopRanges());
    Value zeros = buildFilled(builder, loc, cast<RankedTensorType>(captured.getType()), 0.0);
    auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
    bool failedInside = false;
    auto loop = scf::ForOp::create(builder, loc, constant(0), constant(elements), constant(1), ValueRange{zeros},
                                   [&](OpBuilder &nested, Location, Value flat, ValueRange carried) {
                                     FailureOr<Value> next = addElement(nested, flat, carried[0]);
                                     failedInside = failed(next);
                                     scf::YieldOp::create(nested, op.getLoc(), failedInside ? carried[0] : *next);
                                   });
    if (!failedInside)
      return loop.getResult(0);
    loop.erase();
    return failure();
  }

private:
  /// Positions of the op's loops from the flat position.
  SmallVector<Value> delinearise(OpBuilder &builder, Value flat) {
    SmallVector<int64_t> extents = op.getStaticLoopRanges();
    SmallVector<Value> positions(extents.size());
    for (size_t loop = extents.size(); loop-- > 0;) {
      Value extent = arith::ConstantIndexOp::create(builder, op.getLoc(), extents[loop]);
      positions[loop] = arith::RemUIOp::create(builder, op.getLoc(), flat, extent);
      flat = arith::DivUIOp::create(builder, op.getLoc(), flat, extent);
    }
    return positions;
  }

  Value readElement(OpBuilder &builder, Value tensor, AffineMap map, ArrayRef<Value> positions) {
    SmallVector<Value> indices;
    for (AffineExpr expr : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        indices.push_back(positions[dim.getPosition()]);
      else
        indices.push_back(
            arith::ConstantIndexOp::create(builder, op.getLoc(), cast<AffineConstantExpr>(expr).getValue()));
    }
    return tensor::ExtractOp::create(builder, op.getLoc(), tensor, indices);
  }

  /// Recomputes the body at one position, hands its adjoint to the elements that it read, and adds those to `sum`.
  FailureOr<Value> addElement(OpBuilder &builder, Value flat, Value sum) {
    SmallVector<Value> positions = delinearise(builder, flat);
    IRMapping mapping;
    for (auto [operand, argument] : llvm::zip(llvm::enumerate(op->getOperands()), op.getBlock()->getArguments())) {
      auto [index, value] = operand;
      // Accumulators of an elementwise op are not read.
      if (argument.use_empty())
        continue;
      mapping.map(argument, isa<TensorType>(value.getType()) ? readElement(builder, value, maps[index], positions)
                                                             : Value(value));
    }
    SmallVector<Operation *> cloned;
    for (Operation &inner : op.getBlock()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        mapping.map(index.getResult(), positions[index.getDim()]);
        continue;
      }
      cloned.push_back(builder.clone(inner, mapping));
    }
    ScalarAdjoints adjoints(builder);
    for (auto [result, grad] : llvm::enumerate(resultGrads))
      if (grad)
        adjoints.add(mapping.lookupOrDefault(op.getBlock()->getTerminator()->getOperand(result)),
                     readElement(builder, grad, maps[op.getNumDpsInputs() + result], positions));
    for (Operation *inner : llvm::reverse(cloned))
      if (failed(adjoints.propagate(inner))) {
        why = ("'" + inner->getName().getStringRef() + "' in its body has no derivative").str();
        return failure();
      }
    for (Operation *inner : cloned) {
      auto extract = dyn_cast<tensor::ExtractOp>(inner);
      if (!extract || extract.getTensor() != captured)
        continue;
      Value adjoint = adjoints.get(extract.getResult());
      if (!adjoint)
        continue;
      Value old = tensor::ExtractOp::create(builder, op.getLoc(), sum, extract.getIndices());
      Value next = arith::AddFOp::create(builder, op.getLoc(), old, adjoint);
      sum = tensor::InsertOp::create(builder, op.getLoc(), next, sum, extract.getIndices());
    }
    return sum;
  }

  linalg::LinalgOp op;
  Value captured;
  ValueRange resultGrads;
  std::string &why;
  SmallVector<AffineMap> maps;
};

} // namespace

FailureOr<Value> differentiateCapture(linalg::LinalgOp op, Value captured, OpBuilder &builder, ValueRange resultGrads,
                                      std::string &why) {
  if (op.getNumParallelLoops() != op.getNumLoops()) {
    why = "it reads a differentiated tensor from inside a body that reduces";
    return failure();
  }
  bool onlyReads = true;
  op.getBlock()->walk([&](Operation *inner) {
    onlyReads &= isa<tensor::ExtractOp>(inner) || !llvm::is_contained(inner->getOperands(), captured);
  });
  bool plainMaps = llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return llvm::all_of(map.getResults(), llvm::IsaPred<AffineDimExpr, AffineConstantExpr>);
  });
  if (!onlyReads || !plainMaps) {
    why = "it uses a differentiated tensor in its body by other means than 'tensor.extract'";
    return failure();
  }
  return CaptureGradient(op, captured, resultGrads, why).run(builder);
}

} // namespace raddle

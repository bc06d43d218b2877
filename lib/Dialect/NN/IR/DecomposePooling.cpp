// Decompositions of pooling: reductions over (n, c, k..., p...), and scatters over the same loops back.
#include "raddle/Dialect/NN/IR/NNOps.h"

#include "WindowBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;
using namespace raddle;
using namespace raddle::nn;

namespace {

/// Loops before those of the kernel: batch and channels.
constexpr int64_t kLead = 2;

/// Where the loops stand in the plane of the input: the row-major position, and whether it is inside at all.
struct PlanePosition {
  Value flat, inside;
};

PlanePosition positionInPlane(const Scalars &s, const Windows &windows) {
  Type type = s.builder.getI64Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(s.builder, s.loc, s.builder.getI64IntegerAttr(value));
  };
  auto compare = [&](arith::CmpIPredicate predicate, Value value, int64_t bound) -> Value {
    return arith::CmpIOp::create(s.builder, s.loc, predicate, value, constant(bound));
  };
  PlanePosition position;
  position.inside = arith::ConstantOp::create(s.builder, s.loc, s.builder.getBoolAttr(true));
  for (int64_t dim = 0; dim < windows.rank(); ++dim) {
    Value k = s.position(kLead + dim, type), o = s.position(kLead + windows.rank() + dim, type);
    Value at = s.add(s.mul(o, constant(windows.stride[dim])), s.mul(k, constant(windows.dilation[dim])));
    at = s.sub(at, constant(windows.padding[dim]));
    if (windows.isPadded(dim)) {
      Value within = arith::AndIOp::create(s.builder, s.loc, compare(arith::CmpIPredicate::sge, at, 0),
                                           compare(arith::CmpIPredicate::slt, at, windows.input[dim]));
      position.inside = arith::AndIOp::create(s.builder, s.loc, position.inside, within);
    }
    position.flat = position.flat ? s.add(s.mul(position.flat, constant(windows.input[dim])), at) : at;
  }
  return position;
}

/// Whether element `value` at `position` replaces the best one. The order of the loops does not matter: of equal
/// elements the first wins, of NaNs the last.
Value isBetter(const Scalars &s, Value value, const PlanePosition &position, Value best, Value bestPosition) {
  auto floats = [&](arith::CmpFPredicate predicate, Value a, Value b) -> Value {
    return arith::CmpFOp::create(s.builder, s.loc, predicate, a, b);
  };
  auto both = [&](Value a, Value b) -> Value { return arith::AndIOp::create(s.builder, s.loc, a, b); };
  auto either = [&](Value a, Value b) -> Value { return arith::OrIOp::create(s.builder, s.loc, a, b); };
  Value earlier = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::slt, position.flat, bestPosition);
  Value later = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::sgt, position.flat, bestPosition);
  Value greater = floats(arith::CmpFPredicate::OGT, value, best);
  Value first = both(floats(arith::CmpFPredicate::OEQ, value, best), earlier);
  Value wasNumber = floats(arith::CmpFPredicate::ORD, best, best);
  Value lastNan = both(floats(arith::CmpFPredicate::UNO, value, value), either(wasNumber, later));
  return both(position.inside, either(either(greater, first), lastNan));
}

} // namespace

FailureOr<SmallVector<Value>> MaxPoolOp::decomposeOperation(OpBuilder &builder) {
  WindowBuilder window(builder, getLoc(), getWindows());
  auto type = cast<RankedTensorType>(getOut().getType()), indexType = cast<RankedTensorType>(getIndices().getType());
  Value padded = window.pad(getInput(), -std::numeric_limits<double>::infinity());
  Value best = buildFilled(builder, getLoc(), type, -std::numeric_limits<double>::infinity());
  Value none =
      arith::ConstantOp::create(builder, getLoc(), builder.getI64IntegerAttr(std::numeric_limits<int64_t>::max()));
  Value empty = tensor::EmptyOp::create(builder, getLoc(), indexType.getShape(), indexType.getElementType());
  Value positions = linalg::FillOp::create(builder, getLoc(), none, empty).getResult(0);
  SmallVector<Value> inputs{padded};
  SmallVector<AffineMap> maps{window.windowMap(kLead)};
  window.addKernelBounds(kLead, inputs, maps);
  maps.append(2, window.outputMap(kLead));
  SmallVector<utils::IteratorType> iterators(window.loops(kLead), utils::IteratorType::parallel);
  for (int64_t dim = 0; dim < window.windows.rank(); ++dim)
    iterators[kLead + dim] = utils::IteratorType::reduction;
  auto op = linalg::GenericOp::create(
      builder, getLoc(), TypeRange{type, indexType}, inputs, ValueRange{best, positions}, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Scalars s{nested, loc};
        Value value = args[0], found = args[args.size() - 2], foundAt = args.back();
        PlanePosition position = positionInPlane(s, window.windows);
        Value better = isBetter(s, value, position, found, foundAt);
        linalg::YieldOp::create(nested, loc,
                                ValueRange{s.select(better, value, found), s.select(better, position.flat, foundAt)});
      });
  return SmallVector<Value>(op.getResults());
}

FailureOr<SmallVector<Value>> MaxPoolGradOp::decomposeOperation(OpBuilder &builder) {
  WindowBuilder window(builder, getLoc(), getWindows());
  RankedTensorType padded = window.paddedType(cast<RankedTensorType>(getInputGrad().getType()));
  SmallVector<Value> inputs{getOutGrad(), getIndices()};
  SmallVector<AffineMap> maps(2, window.outputMap(kLead));
  window.addKernelBounds(kLead, inputs, maps);
  Value grad = buildReduction(
      builder, getLoc(), padded, inputs, maps, window.windowMap(kLead), 0.0, [&](const Scalars &s, ValueRange args) {
        PlanePosition position = positionInPlane(s, window.windows);
        Value chosen = arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq, position.flat, args[1]);
        chosen = arith::AndIOp::create(s.builder, s.loc, chosen, position.inside);
        return s.add(args.back(), s.select(chosen, args[0], s.constantLike(args[0], 0.0)));
      });
  return SmallVector<Value>{window.unpad(grad)};
}

/// Sums `input`, read through `read`, into a tensor of `type`, written through `write`.
static Value sumWindows(const WindowBuilder &window, RankedTensorType type, Value input, AffineMap read,
                        AffineMap write) {
  SmallVector<Value> inputs{input};
  SmallVector<AffineMap> maps{read};
  window.addKernelBounds(kLead, inputs, maps);
  return buildReduction(window.builder, window.loc, type, inputs, maps, write, 0.0,
                        [](const Scalars &s, ValueRange args) { return s.add(args.back(), args[0]); });
}

FailureOr<SmallVector<Value>> SumPoolOp::decomposeOperation(OpBuilder &builder) {
  WindowBuilder window(builder, getLoc(), getWindows());
  return SmallVector<Value>{sumWindows(window, cast<RankedTensorType>(getOut().getType()), window.pad(getInput(), 0.0),
                                       window.windowMap(kLead), window.outputMap(kLead))};
}

FailureOr<SmallVector<Value>> SumPoolGradOp::decomposeOperation(OpBuilder &builder) {
  WindowBuilder window(builder, getLoc(), getWindows());
  RankedTensorType padded = window.paddedType(cast<RankedTensorType>(getInputGrad().getType()));
  return SmallVector<Value>{
      window.unpad(sumWindows(window, padded, getOutGrad(), window.outputMap(kLead), window.windowMap(kLead)))};
}

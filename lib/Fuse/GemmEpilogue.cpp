#include "GemmEpilogue.h"

#include "Readers.h"
#include "ScalarFunction.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Utils/TensorQueries.h"

#include <cmath>

using namespace mlir;

namespace raddle {
namespace {

/// GELU with tanh and its derivative: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, section 2.
const double kSlope = std::sqrt(2 / M_PI), kCubic = 0.044715;

double gelu(double x) { return 0.5 * x * (1 + std::tanh(kSlope * (x + kCubic * x * x * x))); }

double geluGradient(double x) {
  double t = std::tanh(kSlope * (x + kCubic * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * kSlope * (1 + 3 * kCubic * x * x);
}

int64_t elementsOf(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }

/// Whether the map reads the last dimensions only, as they lie, and they have so many elements.
bool readsRow(AffineMap map, Value vector, int64_t count) {
  return map == AffineMap::getMinorIdentityMap(map.getNumDims(), map.getNumResults(), map.getContext()) &&
         elementsOf(vector) == count;
}

/// A generic that sums rows of so many elements, from zero.
linalg::GenericOp rowSumReader(OpOperand *reader, int64_t count, Type element) {
  auto op = dyn_cast<linalg::GenericOp>(reader->getOwner());
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 || !op.isDpsInput(reader) ||
      !op.getMatchingIndexingMap(reader).isIdentity() || !isZeroFilled(op.getDpsInits()[0]) ||
      !readsRow(op.getMatchingIndexingMap(op.getDpsInitOperand(0)), op.getResult(0), count) ||
      getElementTypeOrSelf(op.getResult(0)) != element)
    return {};
  return computes(op, [](double x, double sum) { return x + sum; }) ? op : linalg::GenericOp();
}

class Fuser {
public:
  explicit Fuser(func::FuncOp function) : body(function.getBody().front()) {}

  unsigned run() {
    for (exec::GemmOp gemm : llvm::to_vector(body.getOps<exec::GemmOp>()))
      fuseResult(gemm);
    // Sums over the result of a product come first: they need no operand to be read again.
    for (exec::GemmOp gemm : llvm::to_vector(body.getOps<exec::GemmOp>()))
      if (!gemm.hasEpilogue() && isPlain(gemm))
        fuseOperandSum(gemm);
    return fused;
  }

private:
  /// Rows of the result lie side by side, in one product.
  static bool isPlain(exec::GemmOp gemm) {
    int64_t m = gemm.getM(), n = gemm.getN();
    return gemm.getBatch().empty() && gemm.getLd()[2] == n && elementsOf(gemm.getTensors()[0]) == m * n &&
           !elementType(gemm).isF64();
  }

  static Type elementType(exec::GemmOp gemm) { return getElementTypeOrSelf(gemm.getTensors()[0]); }

  void fuseResult(exec::GemmOp gemm) {
    if (!isPlain(gemm))
      return;
    gemm = fuseBias(gemm);
    gemm = fuseGelu(gemm);
    if (!gemm.hasEpilogue())
      gemm = fuseGeluGradient(gemm);
    // With 16 bits cuBLASLt takes three times as long for it; the sum goes to the product for the weight's gradient.
    if (gemm.getActivation() == exec::Activation::GeluGradient && elementType(gemm).isF32())
      fuseResultSum(gemm);
  }

  /// The product with further operands and results of these types, before `place`. The old one stays.
  exec::GemmOp extend(exec::GemmOp gemm, Operation *place, ValueRange further, ArrayRef<Type> types,
                      llvm::function_ref<void(exec::GemmOp)> change) {
    OpBuilder builder(place);
    SmallVector<Value> ins(gemm.getIns());
    llvm::append_range(ins, further);
    auto made = exec::GemmOp::create(
        builder, gemm.getLoc(), types, ins, ValueRange{}, gemm.getMAttr(), gemm.getNAttr(), gemm.getKAttr(),
        gemm.getLdAttr(), gemm.getTransAttr(), gemm.getAlphaAttr(), gemm.getBatchAttr(), gemm.getStrideAAttr(),
        gemm.getStrideBAttr(), gemm.getStrideCAttr(), gemm.getBiasAttr(), gemm.getActivationAttr(), gemm.getKeptAttr(),
        gemm.getSumAttr(), gemm.getAccumulateAttr(), gemm.getStreamAttr());
    change(made);
    ++fused;
    return made;
  }

  /// v + bias, if nothing else reads v.
  exec::GemmOp fuseBias(exec::GemmOp gemm) {
    SmallVector<OpOperand *> readers = readersOf(gemm.getTensors()[0]);
    linalg::GenericOp add = readers.size() == 1 ? elementwiseReader(readers[0], 2) : nullptr;
    if (!add)
      return gemm;
    OpOperand *other = add.getDpsInputOperand(1 - readers[0]->getOperandNumber());
    if (!readsRow(add.getMatchingIndexingMap(other), other->get(), gemm.getN()) ||
        getElementTypeOrSelf(other->get()) != elementType(gemm) ||
        getElementTypeOrSelf(add.getResult(0)) != elementType(gemm) ||
        !computes(add, [](double x, double y) { return x + y; }))
      return gemm;
    exec::GemmOp made =
        extend(gemm, add, other->get(), add.getResult(0).getType(), [](exec::GemmOp op) { op.setBias(true); });
    return replace(gemm, add, made);
  }

  /// gelu(v). What else reads v gets it as a further result.
  exec::GemmOp fuseGelu(exec::GemmOp gemm) {
    Value v = gemm.getTensors()[0];
    SmallVector<OpOperand *> readers = readersOf(v);
    auto isGelu = [&](OpOperand *reader) {
      linalg::GenericOp op = elementwiseReader(reader, 1);
      return op && getElementTypeOrSelf(op.getResult(0)) == elementType(gemm) &&
             computes(op, [](double x, double) { return gelu(x); });
    };
    auto found = llvm::find_if(readers, isGelu);
    bool kept = readers.size() > 1;
    if (found == readers.end() || (kept && gemm.getN() % 8 != 0))
      return gemm;
    auto op = cast<linalg::GenericOp>((*found)->getOwner());
    SmallVector<Type> types{op.getResult(0).getType()};
    if (kept)
      types.push_back(v.getType());
    exec::GemmOp made = extend(gemm, gemm, {}, types, [&](exec::GemmOp made) {
      made.setActivation(exec::Activation::Gelu);
      made.setKept(kept);
    });
    op.getResult(0).replaceAllUsesWith(made.getTensors()[0]);
    op.erase();
    if (kept) {
      v.replaceAllUsesWith(made.getTensors()[1]);
      gemm.erase();
      return made;
    }
    eraseUnread(gemm);
    return made;
  }

  /// v * gelu'(x), if nothing else reads v.
  exec::GemmOp fuseGeluGradient(exec::GemmOp gemm) {
    SmallVector<OpOperand *> readers = readersOf(gemm.getTensors()[0]);
    linalg::GenericOp op = readers.size() == 1 && gemm.getN() % 8 == 0 ? elementwiseReader(readers[0], 2) : nullptr;
    if (!op)
      return gemm;
    bool first = readers[0]->getOperandNumber() == 0;
    OpOperand *other = op.getDpsInputOperand(first ? 1 : 0);
    if (!op.getMatchingIndexingMap(other).isIdentity() || getElementTypeOrSelf(other->get()) != elementType(gemm) ||
        getElementTypeOrSelf(op.getResult(0)) != elementType(gemm) ||
        !computes(op, [&](double x, double y) { return first ? x * geluGradient(y) : y * geluGradient(x); }))
      return gemm;
    exec::GemmOp made = extend(gemm, op, other->get(), op.getResult(0).getType(),
                               [](exec::GemmOp op) { op.setActivation(exec::Activation::GeluGradient); });
    return replace(gemm, op, made);
  }

  void fuseResultSum(exec::GemmOp gemm) {
    for (OpOperand *reader : readersOf(gemm.getTensors()[0]))
      if (linalg::GenericOp sum = rowSumReader(reader, gemm.getN(), elementType(gemm)))
        return addSum(gemm, sum, exec::GemmSum::Result);
  }

  void fuseOperandSum(exec::GemmOp gemm) {
    bool rowsOfA = gemm.getTrans()[0] && gemm.getLd()[0] == static_cast<int64_t>(gemm.getM());
    bool rowsOfB = !gemm.getTrans()[1] && gemm.getLd()[1] == static_cast<int64_t>(gemm.getN());
    for (auto [usable, index, count, sum] :
         {std::tuple(rowsOfA, 0, gemm.getM(), exec::GemmSum::A), std::tuple(rowsOfB, 1, gemm.getN(), exec::GemmSum::B)})
      for (OpOperand *reader : usable ? readersOf(beforeViews(gemm.getIns()[index])) : SmallVector<OpOperand *>())
        if (linalg::GenericOp op = rowSumReader(reader, count, elementType(gemm)); op && isReadAfter(op, gemm))
          return addSum(gemm, op, sum);
  }

  static bool isReadAfter(Operation *op, Operation *place) {
    return llvm::all_of(op->getUsers(), [&](Operation *user) { return place->isBeforeInBlock(user); });
  }

  void addSum(exec::GemmOp gemm, linalg::GenericOp op, exec::GemmSum sum) {
    SmallVector<Type> types(gemm.getTensors().getTypes());
    types.push_back(op.getResult(0).getType());
    exec::GemmOp made = extend(gemm, gemm, {}, types, [&](exec::GemmOp made) { made.setSum(sum); });
    op.getResult(0).replaceAllUsesWith(made.getTensors().back());
    op.erase();
    gemm.getTensors()[0].replaceAllUsesWith(made.getTensors()[0]);
    gemm.erase();
  }

  exec::GemmOp replace(exec::GemmOp gemm, linalg::GenericOp op, exec::GemmOp made) {
    op.getResult(0).replaceAllUsesWith(made.getTensors()[0]);
    op.erase();
    eraseUnread(gemm);
    return made;
  }

  Block &body;
  unsigned fused = 0;
};

} // namespace

unsigned fuseEpilogues(func::FuncOp function) { return Fuser(function).run(); }

} // namespace raddle

#include "Accumulate.h"

#include "Grouping.h"
#include "Readers.h"
#include "ScalarFunction.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

using namespace mlir;

namespace raddle {
namespace {

/// x + y of two tensors of one shape and type, element by element; null for other ops. In 16 bits the sum is rounded,
/// as it is when a product is added.
linalg::GenericOp sumOf(Operation *op) {
  auto sum = dyn_cast<linalg::GenericOp>(op);
  if (!sum || sum.getNumDpsInputs() != 2 || !elementwiseReader(sum.getDpsInputOperand(0), 2) ||
      !elementwiseReader(sum.getDpsInputOperand(1), 2))
    return {};
  Type type = sum.getResult(0).getType();
  bool isOneType = llvm::all_of(sum.getInputs().getTypes(), [&](Type input) { return input == type; });
  return isOneType && computes(sum, [](double x, double y) { return x + y; }) ? sum : linalg::GenericOp();
}

/// Whether the op adds tensors that are not of one type.
bool addsOtherTypes(OpOperand *reader) {
  linalg::GenericOp op = elementwiseReader(reader, 2);
  return op && !sumOf(op) && computes(op, [](double x, double y) { return x + y; }) &&
         op.getMatchingIndexingMap(op.getDpsInputOperand(0)) == op.getMatchingIndexingMap(op.getDpsInputOperand(1));
}

/// A tree of sums: the ops, the root first, and what they add up.
struct Sum {
  SmallVector<linalg::GenericOp> ops;
  SmallVector<exec::GemmOp> products; // that nothing else reads, in the order of the program
  SmallVector<Value> others;
};

class Accumulator {
public:
  explicit Accumulator(func::FuncOp function) : body(function.getBody().front()) {}

  unsigned run() {
    SmallVector<linalg::GenericOp> sums;
    for (Operation &op : body)
      if (linalg::GenericOp sum = sumOf(&op))
        sums.push_back(sum);
    llvm::SmallPtrSet<Operation *, 16> seen;
    for (linalg::GenericOp root : llvm::reverse(sums)) {
      if (seen.contains(root))
        continue;
      Sum sum = collect(root);
      seen.insert_range(sum.ops);
      accumulate(sum);
    }
    if (body.getParentOp()->getContext()->getRemarkEngine())
      explainTypes();
    return accumulated;
  }

private:
  Sum collect(linalg::GenericOp root) {
    Sum sum{{root}, {}, {}};
    for (Value operand : root.getInputs()) {
      Value base = beforeViews(operand);
      linalg::GenericOp op = base.getDefiningOp() ? sumOf(base.getDefiningOp()) : nullptr;
      Sum part = op && readersOf(base).size() == 1 ? collect(op) : Sum();
      auto gemm = base.getDefiningOp<exec::GemmOp>();
      // What a kernel adds has to have one shape.
      if (!part.ops.empty() && (operand == base || part.others.empty())) {
        llvm::append_range(sum.ops, part.ops);
        llvm::append_range(sum.products, part.products);
        llvm::append_range(sum.others, part.others);
      } else if (gemm && canAccumulate(gemm, base)) {
        sum.products.push_back(gemm);
      } else {
        sum.others.push_back(operand);
      }
    }
    return sum;
  }

  /// Whether the product gives this and nothing else reads it, so that it may be anything else.
  static bool canAccumulate(exec::GemmOp gemm, Value result) {
    return result == gemm.getTensors()[0] && !gemm.getAccumulate() && gemm.getActivation() == exec::Activation::None &&
           readersOf(result).size() == 1;
  }

  void accumulate(Sum &sum) {
    if (sum.products.empty())
      return;
    llvm::sort(sum.products, [](exec::GemmOp a, exec::GemmOp b) { return a->isBeforeInBlock(b); });
    Value *start = llvm::find_if(sum.others, [&](Value other) { return diesIn(sum, other); });
    ArrayRef<exec::GemmOp> added = sum.products;
    Value total;
    if (start != sum.others.end()) {
      total = beforeViews(*start);
      sum.others.erase(start);
    } else {
      total = sum.products.front().getTensors()[0];
      added = added.drop_front();
    }
    for (exec::GemmOp gemm : added)
      total = addTo(gemm, total, sum.ops.front().getResult(0).getType());
    if (added.empty())
      return explainApart(sum);
    replace(sum, total);
  }

  /// Whether the first product may write over a tensor that it is added to: nothing reads it from there on but the sum,
  /// and something does before, so that it is in memory anyway.
  bool diesIn(Sum &sum, Value addend) { return !whyAlive(sum, addend); }

  const char *whyAlive(Sum &sum, Value addend) {
    Value base = beforeViews(addend);
    Operation *producer = base.getDefiningOp(), *product = sum.products.front();
    bool isOwn = producer && (isa<exec::GemmOp, exec::AttentionOp>(producer) ||
                              (isKernelWork(producer) && !isDuplicable(producer) && !isa<arith::ConstantOp>(producer)));
    if (!isOwn)
      return "what it is added to is not the program's own memory";
    if (!producer->isBeforeInBlock(product))
      return "what it is added to is computed later";
    SmallVector<Operation *> readers;
    collectReaders(base, readers);
    if (readers.size() < 2)
      return "a kernel computes what it is added to together with the sum";
    // The sum reads it once, everything else before.
    if (llvm::count_if(readers, [&](Operation *reader) { return !reader->isBeforeInBlock(product); }) > 1)
      return "what it is added to is read later";
    return nullptr;
  }

  /// Ops of the block that read a value, also through views and what kernels compute again.
  void collectReaders(Value value, SmallVectorImpl<Operation *> &readers) {
    for (Operation *nested : value.getUsers()) {
      Operation *user = body.findAncestorOpInBlock(*nested);
      if (isView(user) || isDuplicable(user))
        collectReaders(user->getResult(0), readers);
      else
        readers.push_back(user);
    }
  }

  /// The product, added to a value. The old one stays.
  Value addTo(exec::GemmOp gemm, Value addend, Type type) {
    OpBuilder builder(gemm);
    auto made = cast<exec::GemmOp>(builder.clone(*gemm));
    made.getInsMutable().append(addend);
    made.setAccumulate(true);
    made.getTensors()[0].setType(type);
    for (auto [old, result] : llvm::drop_begin(llvm::zip(gemm.getTensors(), made.getTensors())))
      old.replaceAllUsesWith(result);
    ++accumulated;
    return made.getTensors()[0];
  }

  /// Adds what is left to the products' total, in place of the sum.
  void replace(Sum &sum, Value total) {
    linalg::GenericOp root = sum.ops.front();
    OpBuilder builder(root);
    for (Value other : sum.others) {
      auto add = cast<linalg::GenericOp>(builder.clone(*root));
      add.getInputsMutable().assign({total, other});
      total = add.getResult(0);
    }
    root.getResult(0).replaceAllUsesWith(total);
    for (linalg::GenericOp op : sum.ops)
      eraseUnread(op);
    for (exec::GemmOp gemm : sum.products)
      if (readersOf(gemm.getTensors()[0]).empty())
        eraseUnread(gemm);
  }

  void explainApart(Sum &sum) {
    for (Value other : sum.others)
      explain(sum.products.front(), whyAlive(sum, other));
  }

  void explainTypes() {
    for (auto gemm : body.getOps<exec::GemmOp>())
      if (SmallVector<OpOperand *> readers = readersOf(gemm.getTensors()[0]);
          readers.size() == 1 && addsOtherTypes(readers[0]))
        explain(gemm, "the sum or what it is added to has another type");
  }

  static void explain(exec::GemmOp gemm, const char *why) {
    remark::missed(gemm.getLoc(), remark::RemarkOpts::name("sum").category("fuse-outline"))
        << "is not added to another value where that lies: " << why;
  }

  Block &body;
  unsigned accumulated = 0;
};

} // namespace

unsigned accumulateProducts(func::FuncOp function) { return Accumulator(function).run(); }

} // namespace raddle

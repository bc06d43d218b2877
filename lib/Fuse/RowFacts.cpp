#include "RowFacts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "raddle/Utils/RowLoops.h"

using namespace mlir;

namespace raddle {

/// Bounds of a group: ops, for the compiler's sake; bytes of rows between ops, which lie on a thread's stack and should
/// stay in the second cache; rows, for the threads' sake.
static constexpr size_t kMostOps = 48;
static constexpr int64_t kMostScratch = 1 << 18;
static constexpr int64_t kFewestRows = 16;
/// Tensors of fewer elements are quickly computed by one thread.
static constexpr int64_t kFewElements = 1 << 14;
/// A value of more uses is no reason to look for its users.
static constexpr unsigned kMostUses = 32;

RowFacts::RowFacts(const GroupTable &table, bool rowsOnStack)
    : table(table), rowsOnStack(rowsOnStack), facts(table.size()) {
  for (int group = 0; group < table.size(); ++group)
    gather(group);
}

/// A state's next value is written over the old one, which nothing else in its kernel may read.
static bool isNextState(Operation *op) {
  return llvm::any_of(op->getUses(), [](OpOperand &use) {
    auto function = dyn_cast<func::FuncOp>(use.getOwner()->getParentOp());
    return isa<func::ReturnOp>(use.getOwner()) && function &&
           (function.getResultAttr(use.getOperandNumber(), "ragged.alias") ||
            function.getResultAttr(use.getOperandNumber(), "nn.updates"));
  });
}

/// Finds the row loops of an op that is computed where another of its group reads it.
bool RowFacts::placeInside(linalg::GenericOp op) {
  SmallVector<unsigned> &loops = rows[op];
  for (OpOperand &use : op->getUses()) {
    std::optional<SmallVector<unsigned>> own = loopsOfProducer(op, use, rows.lookup(use.getOwner()));
    if (!own || (!loops.empty() && loops != *own))
      return false;
    loops = *own;
  }
  return true;
}

/// A group before any joining is an op, its last, and what is computed where that reads it.
void RowFacts::gather(int group) {
  facts[group].updates = llvm::any_of(table.opsOf(group), isNextState);
  auto root = dyn_cast<linalg::GenericOp>(table.opsOf(group).back());
  if (!root || facts[group].updates)
    return;
  SmallVector<unsigned> loops = rowLoops(root);
  rows[root] = loops;
  bool columns = false;
  for (Operation *op : llvm::reverse(table.opsOf(group))) {
    bool read = llvm::all_of(op->getResults(), [](Value result) { return !result.hasNUsesOrMore(kMostUses); });
    if (!read)
      return;
    if (op != root && !placeInside(cast<linalg::GenericOp>(op)))
      return;
    columns |= rowsAreColumns(cast<linalg::GenericOp>(op), rows[op]);
  }
  SmallVector<int64_t> ranges = root.getStaticLoopRanges();
  for (unsigned loop : loops)
    facts[group].extents.push_back(ranges[loop]);
  facts[group].columns = columns;
}

/// Rows that both groups walk in step.
unsigned RowFacts::commonRowsOf(int a, int b) const {
  ArrayRef<int64_t> left = facts[a].extents, right = facts[b].extents;
  unsigned count = 0;
  while (count < std::min(left.size(), right.size()) && left[count] == right[count])
    ++count;
  for (auto [consumers, producers] : {std::pair(b, a), std::pair(a, b)})
    for (Operation *op : table.opsOf(consumers))
      for (OpOperand &operand : op->getOpOperands())
        if (table.groupOf(operand.get().getDefiningOp()) == producers)
          count = std::min(count, rowsInStep(operand, rows.find(op)->second, count));
  return count;
}

/// Whether an op's body looks something up that the other group computes.
bool RowFacts::looksUp(int a, int b) const {
  return llvm::any_of(table.opsOf(a), [&](Operation *op) {
    return llvm::any_of(table.capturedBy(op), [&](Value value) { return table.groupOf(value.getDefiningOp()) == b; });
  });
}

/// Whether all ops sum over rows or have no other loops than the columns.
bool RowFacts::bothByColumn(int a, int b) const {
  size_t count = facts[a].extents.size();
  for (int group : {a, b})
    if (!facts[group].columns)
      for (Operation *op : table.opsOf(group))
        if (cast<linalg::LinalgOp>(op).getNumLoops() != count)
          return false;
  return true;
}

/// Bytes of rows that lie between ops: what its only reader computes on the way takes none.
static int64_t scratchBytes(ArrayRef<Operation *> ops, unsigned count) {
  llvm::SmallPtrSet<Operation *, 16> members(ops.begin(), ops.end());
  int64_t bytes = 0;
  for (Operation *op : ops) {
    auto generic = cast<linalg::GenericOp>(op);
    bool elementwise = generic.getNumReductionLoops() == 0;
    for (OpResult result : op->getResults()) {
      bool inside = llvm::all_of(result.getUsers(), [&](Operation *user) { return members.contains(user); });
      if (!inside || (elementwise && result.hasOneUse()))
        continue;
      auto type = cast<RankedTensorType>(result.getType());
      int64_t row = llvm::product_of(type.getShape().drop_front(count));
      bytes += row * elementBytes(type.getElementType());
    }
  }
  return bytes;
}

const char *RowFacts::whyApart(int a, int b, unsigned &count) const {
  if (!walksRows(a) || !walksRows(b))
    return "it does not work row by row, or updates a state in place";
  if (table.opsOf(a).size() + table.opsOf(b).size() > kMostOps)
    return "the kernel has many ops already";
  count = commonRowsOf(a, b);
  if (count == 0)
    return "rows of the one are no rows of the other";
  bool columns = facts[a].columns || facts[b].columns;
  if (columns && (count != facts[a].extents.size() || count != facts[b].extents.size() || !bothByColumn(a, b)))
    return "one walks rows, the other columns";
  SmallVector<Operation *> ops(table.opsOf(a));
  llvm::append_range(ops, table.opsOf(b));
  int64_t elements = 0;
  for (Operation *op : ops)
    elements = std::max<int64_t>(elements, llvm::product_of(cast<linalg::LinalgOp>(op).getStaticLoopRanges()));
  if (llvm::product_of(ArrayRef<int64_t>(facts[b].extents).take_front(count)) < kFewestRows && elements > kFewElements)
    return "together they have too few rows for threads to share";
  if (rowsOnStack && !columns && scratchBytes(ops, count) > kMostScratch)
    return "the rows between them are too long for the cache";
  if (looksUp(a, b) || looksUp(b, a))
    return "the one looks up what the other computes";
  return nullptr;
}

bool RowFacts::sumsRowsOf(int sums, int rows) const {
  ArrayRef<int64_t> extents = facts[rows].extents;
  if (!walksColumns(sums) || !walksRows(rows) || facts[rows].columns || updatesState(sums) || updatesState(rows))
    return false;
  return llvm::all_of(table.opsOf(sums), [&](Operation *op) {
    auto generic = cast<linalg::GenericOp>(op);
    unsigned reduced = generic.getNumReductionLoops();
    return reduced == 0 || ArrayRef(generic.getStaticLoopRanges()).take_front(reduced) == extents;
  });
}

void RowFacts::join(int a, int b, unsigned count) {
  facts[b].extents.truncate(count);
  facts[b].columns |= facts[a].columns;
}

} // namespace raddle

// Groups that walk the same rows become one: a row's maximum, its exponentials, their sum and the quotients, say. What
// one op leaves for the next is then a row in the cache, and what several read comes from memory once.
#include "Grouping.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Utils/RowLoops.h"
#include <cmath>

using namespace mlir;

namespace raddle {
namespace {

/// Bounds of a group: ops, for the compiler's sake; bytes of rows between ops, which lie on a thread's stack and should
/// stay in the second cache; rows, for the threads' sake.
constexpr size_t kMostOps = 48;
constexpr int64_t kMostScratch = 1 << 18;
constexpr int64_t kFewestRows = 16;
/// Tensors of fewer elements are quickly computed by one thread.
constexpr int64_t kFewElements = 1 << 14;
/// Groups that share an input only are joined if they are near: what one computes must not wait for the other's end.
constexpr int64_t kNear = 64;
/// A value of more uses is no reason to look for its users.
constexpr unsigned kMostUses = 32;

class RowJoiner {
public:
  RowJoiner(Block &block, std::vector<Group> &groups) : block(block), groups(groups) {
    for (auto [index, op] : llvm::enumerate(block)) {
      position[&op] = index;
      if (isa<exec::CheckIndexOp>(op))
        checks.push_back(index);
    }
    facts.resize(groups.size());
    for (auto [index, group] : llvm::enumerate(groups)) {
      for (Operation *op : group.ops) {
        groupOf[op] = index;
        llvm::SetVector<Value> values;
        getUsedValuesDefinedAbove(op->getRegions(), values);
        if (!values.empty())
          captured[op].assign(values.begin(), values.end());
      }
      gatherFacts(index);
    }
  }

  int64_t run() {
    int64_t joined = 0;
    for (int index = 0, end = groups.size(); index < end; ++index) {
      int target = index;
      for (int producer : producersOf(index))
        joined += tryJoin(producer, target);
      for (Value shared : wholeInputs(target)) {
        auto [entry, isNew] = lastReader.insert({shared, target});
        if (isNew)
          continue;
        int other = find(entry->second);
        if (other != find(target) && std::abs(positionOf(other) - positionOf(target)) <= kNear)
          joined += tryJoin(other, target);
        entry->second = find(target);
      }
    }
    reportMissed();
    finish();
    return joined;
  }

private:
  struct Facts {
    SmallVector<int64_t> extents; // of the rows; empty: joins nothing
    bool columns = false;
    int parent = -1; // the group that took this one
  };

  int find(int index) {
    while (facts[index].parent >= 0)
      index = facts[index].parent;
    return index;
  }

  int64_t positionOf(int group) const { return position.lookup(groups[group].place); }

  /// A state's next value is written over the old one, which nothing else in its kernel may read.
  static bool updatesState(Operation *op) {
    return llvm::any_of(op->getUses(), [](OpOperand &use) {
      auto function = dyn_cast<func::FuncOp>(use.getOwner()->getParentOp());
      return isa<func::ReturnOp>(use.getOwner()) && function &&
             (function.getResultAttr(use.getOperandNumber(), "ragged.alias") ||
              function.getResultAttr(use.getOperandNumber(), "nn.updates"));
    });
  }

  /// Finds the row loops of an op that is computed where another of its group reads it.
  bool placeInside(linalg::GenericOp op) {
    SmallVector<unsigned> &loops = rows[op];
    for (OpOperand &use : op->getUses()) {
      std::optional<SmallVector<unsigned>> own = loopsOfProducer(op, use, rows[use.getOwner()]);
      if (!own || (!loops.empty() && loops != *own))
        return false;
      loops = *own;
    }
    return true;
  }

  /// A group before any joining is an op and what is computed where that reads it.
  void gatherFacts(int index) {
    auto root = dyn_cast<linalg::GenericOp>(groups[index].place);
    if (!root)
      return;
    SmallVector<unsigned> loops = rowLoops(root);
    rows[root] = loops;
    bool columns = false;
    for (Operation *op : llvm::reverse(groups[index].ops)) {
      bool read = llvm::all_of(op->getResults(), [](Value result) { return !result.hasNUsesOrMore(kMostUses); });
      if (!read || updatesState(op))
        return;
      if (op != root && !placeInside(cast<linalg::GenericOp>(op)))
        return;
      columns |= rowsAreColumns(cast<linalg::GenericOp>(op), rows[op]);
    }
    SmallVector<int64_t> ranges = root.getStaticLoopRanges();
    for (unsigned loop : loops)
      facts[index].extents.push_back(ranges[loop]);
    facts[index].columns = columns;
  }

  /// Values that the op's work needs, those of its body too.
  SmallVector<Value> usedBy(Operation *op) const {
    SmallVector<Value> used(op->getOperands());
    if (auto found = captured.find(op); found != captured.end())
      llvm::append_range(used, found->second);
    return used;
  }

  /// Groups whose results the group reads, the nearest first.
  SmallVector<int> producersOf(int index) {
    llvm::SmallSetVector<int, 4> found;
    for (Operation *op : llvm::reverse(groups[index].ops))
      for (Value value : llvm::reverse(op->getOperands()))
        if (auto producer = groupOf.find(value.getDefiningOp()); producer != groupOf.end())
          if (int group = find(producer->second); group != find(index))
            found.insert(group);
    return found.takeVector();
  }

  /// Inputs of the group that an op walks with all its loops.
  SmallVector<Value> wholeInputs(int index) {
    llvm::SmallSetVector<Value, 4> found;
    for (Operation *op : groups[index].ops) {
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic || facts[index].extents.empty())
        break;
      for (OpOperand *input : generic.getDpsInputOperands())
        if (generic.getMatchingIndexingMap(input).isPermutation())
          found.insert(input->get());
    }
    return found.takeVector();
  }

  /// Where a value is ready: the position of its producer, seen through views and what is computed again; −1 for what
  /// is there from the start. Nothing where a view of a value of the two groups is read: it would lie inside. A kernel
  /// computes nothing again behind a view, which it reads from memory.
  std::optional<int64_t> readyAt(Value value, int a, int b, bool direct = true, bool again = true) {
    Operation *producer = value.getDefiningOp();
    if (!producer)
      return -1;
    again &= isDuplicable(producer);
    auto group = groupOf.find(producer);
    if (group != groupOf.end() && !again) {
      int owner = find(group->second);
      if (owner == a || owner == b)
        return direct ? std::optional<int64_t>(-1) : std::nullopt;
      return positionOf(owner);
    }
    if (!isView(producer) && !again)
      return position.lookup(producer);
    int64_t latest = -1;
    for (Value operand : producer->getOperands()) {
      std::optional<int64_t> ready = readyAt(operand, a, b, false, again);
      if (!ready)
        return std::nullopt;
      latest = std::max(latest, *ready);
    }
    return latest;
  }

  /// Where a value is first read outside of the two groups.
  int64_t neededAt(Value value, int a, int b) {
    int64_t first = position.size();
    for (Operation *nested : value.getUsers()) {
      Operation *user = block.findAncestorOpInBlock(*nested);
      auto group = groupOf.find(user);
      if (group != groupOf.end()) {
        int owner = find(group->second);
        if (owner != a && owner != b)
          first = std::min(first, positionOf(owner));
      }
      if (isView(user) || isDuplicable(user)) {
        for (Value result : user->getResults())
          first = std::min(first, neededAt(result, a, b));
      } else if (group == groupOf.end()) {
        first = std::min(first, position.lookup(user));
      }
    }
    return first;
  }

  /// The place of a kernel for both groups, of which `a` comes first; null where something in between needs one and
  /// feeds the other.
  Operation *findPlace(int a, int b) {
    int64_t ready = -1, needed = position.size();
    for (int group : {a, b})
      for (Operation *op : groups[group].ops) {
        for (Value value : usedBy(op)) {
          std::optional<int64_t> at = readyAt(value, a, b);
          if (!at)
            return nullptr;
          ready = std::max(ready, *at);
        }
        for (Value result : op->getResults())
          needed = std::min(needed, neededAt(result, a, b));
      }
    auto fits = [&](int group) { return ready < positionOf(group) && positionOf(group) < needed; };
    if (fits(b))
      return groups[b].place;
    // Nothing moves before a check that may be of its indices.
    auto check = llvm::lower_bound(checks, positionOf(a));
    return fits(a) && (check == checks.end() || *check > positionOf(b)) ? groups[a].place : nullptr;
  }

  /// Rows that both groups walk in step.
  unsigned commonRowsOf(int a, int b) {
    ArrayRef<int64_t> left = facts[a].extents, right = facts[b].extents;
    unsigned count = 0;
    while (count < std::min(left.size(), right.size()) && left[count] == right[count])
      ++count;
    for (auto [consumers, producers] : {std::pair(b, a), std::pair(a, b)})
      for (Operation *op : groups[consumers].ops) {
        for (OpOperand &operand : op->getOpOperands()) {
          auto found = groupOf.find(operand.get().getDefiningOp());
          if (found != groupOf.end() && find(found->second) == producers)
            count = std::min(count, rowsInStep(operand, rows[op], count));
        }
      }
    return count;
  }

  /// Whether an op's body looks something up that the other group computes.
  bool looksUp(int a, int b) {
    return llvm::any_of(groups[a].ops, [&](Operation *op) {
      auto values = captured.find(op);
      return values != captured.end() && llvm::any_of(values->second, [&](Value value) {
               auto found = groupOf.find(value.getDefiningOp());
               return found != groupOf.end() && find(found->second) == b;
             });
    });
  }

  /// Bytes of rows that lie between ops: what its only reader computes on the way takes none.
  int64_t scratchBytes(ArrayRef<Operation *> ops, unsigned count) {
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

  /// Why two groups are two kernels; null if they can be one, which then has `count` row loops and lies at `place`.
  const char *whyApart(int a, int b, unsigned &count, Operation *&place) {
    for (int group : {a, b})
      if (facts[group].extents.empty())
        return "it does not work row by row, or updates a state in place";
    if (groups[a].ops.size() + groups[b].ops.size() > kMostOps)
      return "the kernel has many ops already";
    count = commonRowsOf(a, b);
    if (count == 0)
      return "rows of the one are no rows of the other";
    bool columns = facts[a].columns || facts[b].columns;
    if (columns && (count != facts[a].extents.size() || count != facts[b].extents.size() || !bothByColumn(a, b)))
      return "one walks rows, the other columns";
    SmallVector<Operation *> ops(groups[a].ops);
    llvm::append_range(ops, groups[b].ops);
    int64_t elements = 0;
    for (Operation *op : ops)
      elements = std::max<int64_t>(elements, llvm::product_of(cast<linalg::LinalgOp>(op).getStaticLoopRanges()));
    if (llvm::product_of(ArrayRef<int64_t>(facts[b].extents).take_front(count)) < kFewestRows &&
        elements > kFewElements)
      return "together they have too few rows for threads to share";
    if (!columns && scratchBytes(ops, count) > kMostScratch)
      return "the rows between them are too long for the cache";
    if (looksUp(a, b) || looksUp(b, a))
      return "the one looks up what the other computes";
    place = findPlace(a, b);
    return place ? nullptr : "what is computed in between needs the one and feeds the other";
  }

  /// Whether all ops sum over rows or have no other loops than the columns.
  bool bothByColumn(int a, int b) {
    size_t count = facts[a].extents.size();
    for (int group : {a, b})
      if (!facts[group].columns)
        for (Operation *op : groups[group].ops)
          if (cast<linalg::LinalgOp>(op).getNumLoops() != count)
            return false;
    return true;
  }

  /// Joins two groups into the second one if that is possible.
  bool tryJoin(int first, int second) {
    int a = find(first), b = find(second);
    if (a == b)
      return false;
    if (positionOf(a) > positionOf(b))
      std::swap(a, b);
    unsigned count = 0;
    Operation *place = nullptr;
    if (whyApart(a, b, count, place))
      return false;
    Group &into = groups[b];
    into.ops.append(groups[a].ops.begin(), groups[a].ops.end());
    llvm::sort(into.ops, [&](Operation *x, Operation *y) { return position.lookup(x) < position.lookup(y); });
    into.place = place;
    facts[b].extents.truncate(count);
    facts[b].columns |= facts[a].columns;
    facts[a].parent = b;
    groups[a].ops.clear();
    return true;
  }

  /// A remark for every tensor that goes through memory from one kernel to another.
  void reportMissed() {
    if (!block.getParentOp()->getContext()->getRemarkEngine())
      return;
    for (int index = 0, end = groups.size(); index < end; ++index)
      for (int producer : producersOf(index)) {
        unsigned count;
        Operation *place;
        int a = producer, b = index;
        if (positionOf(a) > positionOf(b))
          std::swap(a, b);
        if (const char *why = whyApart(a, b, count, place))
          remark::missed(groups[producer].ops.back()->getLoc(),
                         remark::RemarkOpts::name("apart").category("fuse-outline"))
              << "its result goes through memory to '" << groups[index].ops.front()->getName().getStringRef()
              << "': " << why;
      }
  }

  void finish() {
    llvm::erase_if(groups, [](const Group &group) { return group.ops.empty(); });
    llvm::sort(groups,
               [&](const Group &x, const Group &y) { return position.lookup(x.place) < position.lookup(y.place); });
  }

  Block &block;
  std::vector<Group> &groups;
  llvm::DenseMap<Operation *, int64_t> position;
  SmallVector<int64_t> checks;
  llvm::DenseMap<Operation *, int> groupOf;
  llvm::DenseMap<Operation *, SmallVector<unsigned>> rows;
  llvm::DenseMap<Operation *, SmallVector<Value>> captured; // what bodies look up
  llvm::DenseMap<Value, int> lastReader;
  std::vector<Facts> facts;
};

} // namespace

int64_t joinRowGroups(Block &block, std::vector<Group> &groups) { return RowJoiner(block, groups).run(); }

} // namespace raddle

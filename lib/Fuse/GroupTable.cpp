#include "GroupTable.h"

#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"

using namespace mlir;

namespace raddle {

GroupTable::GroupTable(Block &block, std::vector<Group> &groups, bool slicesInside)
    : block(block), groups(groups), slicesInside(slicesInside), parents(groups.size(), -1) {
  for (auto [index, op] : llvm::enumerate(block)) {
    positions[&op] = index;
    if (isa<exec::CheckIndexOp>(op))
      checks.push_back(index);
  }
  for (auto [index, group] : llvm::enumerate(groups))
    for (Operation *op : group.ops) {
      firstGroups[op] = index;
      llvm::SetVector<Value> values;
      getUsedValuesDefinedAbove(op->getRegions(), values);
      if (!values.empty())
        captured[op].assign(values.begin(), values.end());
    }
}

int GroupTable::find(int group) const {
  while (parents[group] >= 0)
    group = parents[group];
  return group;
}

int GroupTable::groupOf(Operation *op) const {
  auto found = firstGroups.find(op);
  return found == firstGroups.end() ? -1 : find(found->second);
}

ArrayRef<Value> GroupTable::capturedBy(Operation *op) const {
  auto found = captured.find(op);
  return found == captured.end() ? ArrayRef<Value>() : ArrayRef<Value>(found->second);
}

SmallVector<Value> GroupTable::usedBy(Operation *op) const {
  SmallVector<Value> used(op->getOperands());
  llvm::append_range(used, capturedBy(op));
  return used;
}

SmallVector<int> GroupTable::producersOf(int group) const {
  llvm::SmallSetVector<int, 4> found;
  for (Operation *op : llvm::reverse(groups[group].ops))
    for (Value value : llvm::reverse(op->getOperands()))
      if (int producer = groupOf(value.getDefiningOp()); producer >= 0 && producer != find(group))
        found.insert(producer);
  return found.takeVector();
}

/// Adds the groups that read a value; false where something else does.
bool GroupTable::collectReaders(Value value, int group, llvm::SmallSetVector<int, 4> &readers) const {
  return llvm::all_of(value.getUsers(), [&](Operation *nested) {
    Operation *user = block.findAncestorOpInBlock(*nested);
    int reader = groupOf(user);
    if (reader >= 0 && reader != group)
      readers.insert(reader);
    if (reader >= 0)
      return true;
    return isDuplicable(user) &&
           llvm::all_of(user->getResults(), [&](Value result) { return collectReaders(result, group, readers); });
  });
}

int GroupTable::onlyReaderOf(int group) const {
  llvm::SmallSetVector<int, 4> readers;
  for (Operation *op : groups[group].ops)
    for (Value result : op->getResults())
      if (!collectReaders(result, group, readers))
        return -1;
  return readers.size() == 1 ? readers.front() : -1;
}

/// Where a value is ready: the position of its producer, seen through views and what is computed again; −1 for what
/// is there from the start. Nothing where a view of a value of the two groups is read: it would lie inside. A kernel
/// computes nothing again behind a view, which it reads from memory.
std::optional<int64_t> GroupTable::readyAt(Value value, int a, int b, bool direct, bool again) const {
  Operation *producer = value.getDefiningOp();
  if (!producer)
    return -1;
  again &= isDuplicable(producer);
  int owner = groupOf(producer);
  if (owner >= 0 && !again) {
    if (owner == a || owner == b)
      return direct ? std::optional<int64_t>(-1) : std::nullopt;
    return positionOf(owner);
  }
  if (!isView(producer) && !again)
    return positions.lookup(producer);
  int64_t latest = -1;
  for (Value operand : producer->getOperands()) {
    std::optional<int64_t> ready = readyAt(operand, a, b, slicesInside && direct && again, again);
    if (!ready)
      return std::nullopt;
    latest = std::max(latest, *ready);
  }
  return latest;
}

/// Where a value is first read outside of the two groups.
int64_t GroupTable::neededAt(Value value, int a, int b) const {
  int64_t first = positions.size();
  for (Operation *nested : value.getUsers()) {
    Operation *user = block.findAncestorOpInBlock(*nested);
    int owner = groupOf(user);
    if (owner >= 0 && owner != a && owner != b)
      first = std::min(first, positionOf(owner));
    if (isView(user) || isDuplicable(user)) {
      for (Value result : user->getResults())
        first = std::min(first, neededAt(result, a, b));
    } else if (owner < 0) {
      first = std::min(first, positions.lookup(user));
    }
  }
  return first;
}

int64_t GroupTable::lastNeedOf(Value value) const {
  int64_t last = -1;
  for (Operation *nested : value.getUsers()) {
    Operation *user = block.findAncestorOpInBlock(*nested);
    last = std::max(last, positions.lookup(user));
    if (isView(user))
      last = std::max(last, lastNeedOf(user->getResult(0)));
  }
  return last;
}

Operation *GroupTable::findPlace(int a, int b, const char *&why) const {
  int64_t ready = -1, needed = positions.size();
  for (int group : {a, b})
    for (Operation *op : groups[group].ops) {
      for (Value value : usedBy(op)) {
        std::optional<int64_t> at = readyAt(value, a, b);
        if (!at) {
          why = "the one reads what the other computes in another shape";
          return nullptr;
        }
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
  if (fits(a) && (check == checks.end() || *check > positionOf(b)))
    return groups[a].place;
  why = "what is computed in between needs the one and feeds the other";
  return nullptr;
}

SmallVector<Operation *> GroupTable::opsOfBoth(int a, int b) const {
  SmallVector<Operation *> ops(groups[a].ops);
  ops.append(groups[b].ops.begin(), groups[b].ops.end());
  llvm::sort(ops, [&](Operation *x, Operation *y) { return positions.lookup(x) < positions.lookup(y); });
  return ops;
}

void GroupTable::join(int a, int b, Operation *place) {
  Group &into = groups[b];
  into.ops = opsOfBoth(a, b);
  into.place = place;
  parents[a] = b;
  groups[a].ops.clear();
}

void GroupTable::finish() {
  llvm::erase_if(groups, [](const Group &group) { return group.ops.empty(); });
  llvm::sort(groups,
             [&](const Group &x, const Group &y) { return positions.lookup(x.place) < positions.lookup(y.place); });
}

} // namespace raddle

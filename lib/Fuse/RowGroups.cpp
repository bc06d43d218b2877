#include "RowGroups.h"

#include "mlir/IR/Remarks.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include <cmath>

using namespace mlir;

namespace raddle {

/// Groups that share an input only are joined if they are near: what one computes must not wait for the other's end.
static constexpr int64_t kNear = 64;

int64_t RowGroups::join() {
  int64_t joined = 0;
  llvm::DenseMap<Value, int> lastReader;
  for (int index = 0; index < table.size(); ++index) {
    for (int producer : table.producersOf(index))
      joined += tryJoin(producer, index);
    for (Value shared : wholeInputs(index)) {
      auto [entry, isNew] = lastReader.insert({shared, index});
      if (isNew)
        continue;
      int other = table.find(entry->second), own = table.find(index);
      if (other != own && std::abs(table.positionOf(other) - table.positionOf(own)) <= kNear)
        joined += tryJoin(other, own);
      entry->second = table.find(index);
    }
  }
  for (int index = table.size(); test && index-- > 0;)
    joined += tryPull(index);
  if (test)
    joined += joinSums() + joinCasts();
  return joined;
}

/// Sums over rows go to what gives such rows and reads the same, so that it is read once: the gradient of a norm's
/// weight to that of its input.
int64_t RowGroups::joinSums() {
  int64_t joined = 0;
  llvm::DenseMap<Value, SmallVector<int>> readers;
  for (int group = 0; group < table.size(); ++group)
    if (table.find(group) == group)
      for (Value input : wholeInputs(group))
        readers[input].push_back(group);
  for (int sums = 0; sums < table.size(); ++sums) {
    if (table.find(sums) != sums || !facts.walksColumns(sums))
      continue;
    SmallVector<int> candidates = table.producersOf(sums);
    for (Value input : wholeInputs(sums))
      llvm::append_range(candidates, readers[input]);
    joined += llvm::any_of(candidates, [&](int rows) { return tryStripes(rows, sums); });
  }
  return joined;
}

/// Joins sums over rows into a group that gives rows.
bool RowGroups::tryStripes(int rows, int sums) {
  int a = table.find(rows), b = table.find(sums);
  if (a == b || !facts.sumsRowsOf(b, a))
    return false;
  if (table.positionOf(a) > table.positionOf(b))
    std::swap(a, b);
  const char *why = nullptr;
  Operation *place = table.positionOf(b) - table.positionOf(a) <= kNear ? table.findPlace(a, b, why) : nullptr;
  if (!place || !test(table.opsOfBoth(a, b), place, Wanted::Stripes))
    return false;
  table.join(a, b, place);
  facts.join(a, b, 0);
  return true;
}

/// The state in which the tensor lies that a group does nothing but round to a narrower type; null for other groups.
Value RowGroups::roundedState(int group) const {
  if (table.find(group) != group || table.opsOf(group).size() != 1)
    return {};
  Operation *op = table.opsOf(group).front();
  Value source = castSource(op);
  auto slot = source ? source.getDefiningOp<ragged::SlotOp>() : ragged::SlotOp();
  bool narrows =
      slot && elementBytes(getElementTypeOrSelf(op->getResult(0))) < elementBytes(getElementTypeOrSelf(source));
  return narrows && isa<BlockArgument>(slot.getFull()) ? slot.getFull() : Value();
}

/// Whether what a group computes is in memory still where another one begins, which is near.
bool RowGroups::outlives(int group, int next) const {
  int64_t begin = table.positionOf(next);
  return begin - table.positionOf(group) <= kNear && llvm::all_of(table.opsOf(group), [&](Operation *op) {
           return llvm::all_of(op->getResults(), [&](Value result) { return table.lastNeedOf(result) > begin; });
         });
}

/// Weights of one shape in one bucket are rounded by one kernel, where the first of them is, if all of them are in
/// memory together in any case, as between forward and backward. Each result is freed behind its own last reader.
int64_t RowGroups::joinCasts() {
  int64_t joined = 0;
  llvm::DenseMap<std::pair<Value, Type>, int> latest;
  for (int index = 0; index < table.size(); ++index) {
    Value state = roundedState(index);
    if (!state)
      continue;
    auto [entry, isNew] = latest.insert({{state, table.opsOf(index).front()->getResult(0).getType()}, index});
    if (!isNew && outlives(table.find(entry->second), index))
      joined += tryJoin(entry->second, index);
    entry->second = index;
  }
  return joined;
}

/// Joins a group into its only reader, which computes what it reads where it reads it: halves that are put together,
/// say.
bool RowGroups::tryPull(int group) {
  if (table.find(group) != group || facts.updatesState(group))
    return false;
  int reader = table.onlyReaderOf(group);
  if (reader < 0 || facts.updatesState(reader) || table.positionOf(group) > table.positionOf(reader))
    return false;
  const char *why = nullptr;
  Operation *place = table.findPlace(group, reader, why);
  if (!place || !test(table.opsOfBoth(group, reader), place, Wanted::Once))
    return false;
  table.join(group, reader, place);
  facts.join(group, reader, 0);
  return true;
}

/// Inputs of the group that an op walks with all its loops.
SmallVector<Value> RowGroups::wholeInputs(int group) const {
  llvm::SmallSetVector<Value, 4> found;
  for (Operation *op : table.opsOf(group)) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    if (!generic || !facts.walksRows(group))
      break;
    for (OpOperand *input : generic.getDpsInputOperands())
      if (generic.getMatchingIndexingMap(input).isPermutation())
        found.insert(input->get());
  }
  return found.takeVector();
}

/// Why two groups are two kernels, the one before the other; null if they can be one.
const char *RowGroups::whyApart(int a, int b, unsigned &count, Operation *&place) const {
  const char *why = facts.whyApart(a, b, count);
  if (!why)
    place = table.findPlace(a, b, why);
  if (!why && test && !test(table.opsOfBoth(a, b), place, Wanted::Code))
    why = "nobody generates code for a kernel of both";
  return why;
}

/// Joins two groups into the later one if that is possible.
bool RowGroups::tryJoin(int first, int second) {
  int a = table.find(first), b = table.find(second);
  if (a == b)
    return false;
  if (table.positionOf(a) > table.positionOf(b))
    std::swap(a, b);
  unsigned count = 0;
  Operation *place = nullptr;
  if (whyApart(a, b, count, place))
    return false;
  table.join(a, b, place);
  facts.join(a, b, count);
  return true;
}

/// The values of other kernels and of library calls that a value is, looks at, or, if a kernel reads it directly, is
/// computed again from.
static void collectSources(Value value, bool isForKernel, llvm::SmallSetVector<Value, 4> &sources) {
  Operation *producer = value.getDefiningOp();
  if (!producer || !isa<TensorType>(value.getType()))
    return;
  if (!isView(producer) && !(isForKernel && isDuplicable(producer))) {
    sources.insert(value);
    return;
  }
  for (Value operand : producer->getOperands())
    collectSources(operand, isForKernel && !isView(producer), sources);
}

static bool isLibraryCall(Operation *op) { return isa<exec::GemmOp, exec::AttentionOp>(op); }

std::string RowGroups::reasonFor(int producer, int consumer, bool joins) const {
  if (!joins)
    return "kernels of this target are not joined";
  if (table.positionOf(producer) > table.positionOf(consumer))
    std::swap(producer, consumer);
  unsigned count;
  Operation *place;
  const char *why = whyApart(producer, consumer, count, place);
  return why ? why : "other kernels were joined first";
}

void RowGroups::explainApart(bool joins) const {
  auto explain = [](Value value, Operation *reader, const std::string &why) {
    remark::missed(value.getLoc(), remark::RemarkOpts::name("apart").category("fuse-outline"))
        << "its result goes through memory to '" << reader->getName().getStringRef() << "': " << why;
  };
  for (int group = 0; group < table.size(); ++group) {
    llvm::SmallPtrSet<Value, 8> seen;
    for (Operation *op : table.opsOf(group)) {
      llvm::SmallSetVector<Value, 4> sources;
      for (Value value : table.usedBy(op))
        collectSources(value, /*isForKernel=*/true, sources);
      for (Value source : sources) {
        int producer = table.groupOf(source.getDefiningOp());
        if (producer == group || !seen.insert(source).second)
          continue;
        if (producer >= 0)
          explain(source, op, reasonFor(producer, group, joins));
        else if (isLibraryCall(source.getDefiningOp()))
          explain(source, op, "a library call computes it");
      }
    }
  }
  for (Operation &op : block) {
    llvm::SmallSetVector<Value, 4> sources;
    if (isLibraryCall(&op))
      for (Value value : op.getOperands())
        collectSources(value, /*isForKernel=*/false, sources);
    for (Value source : sources)
      if (table.groupOf(source.getDefiningOp()) >= 0)
        explain(source, &op, "a library call reads it");
  }
}

} // namespace raddle

// schedule-verify: what stage 7 guarantees, found out from the program alone.
#include "Placement.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Passes.h"
#include <map>

namespace raddle {
#define GEN_PASS_DEF_SCHEDULEVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

class ProgramVerifier {
public:
  explicit ProgramVerifier(exec::ProgramOp program) : program(program) {}

  LogicalResult run() {
    if (failed(readAllocations()) || failed(checkLives()))
      return failure();
    return checkStreams();
  }

private:
  /// Buffers that are alive, by offset.
  using Alive = std::map<int64_t, const Allocation *>;

  LogicalResult readAllocations() {
    for (Attribute attribute : program.getAllocations()) {
      auto entry = dyn_cast<DictionaryAttr>(attribute);
      auto number = [&](StringRef name) {
        auto value = entry ? entry.getAs<IntegerAttr>(name) : IntegerAttr();
        return value && value.getType().isSignlessInteger(64) ? value : IntegerAttr();
      };
      auto name = entry ? entry.getAs<StringAttr>("name") : StringAttr();
      if (!name || !number("offset") || !number("bytes") || !number("first") || !number("last"))
        return program.emitError("expects allocations with 'name', 'offset', 'bytes', 'first' and 'last', is ")
               << attribute;
      int64_t offset = number("offset").getInt(), bytes = number("bytes").getInt();
      int64_t arena = program.getArena();
      if (offset < 0 || bytes < 0 || bytes > arena || offset > arena - bytes)
        return program.emitError("expects allocations inside the arena of ")
               << arena << " bytes, '" << name.getValue() << "' has " << bytes << " at " << offset;
      allocations.push_back({name.str(), bytes, number("first").getInt(), number("last").getInt(), offset});
    }
    llvm::sort(allocations, [](const Allocation &a, const Allocation &b) { return a.first < b.first; });
    return success();
  }

  /// Walks the program with the buffers that are alive, by offset. As no two of them overlap, only neighbours can
  /// collide with a new one, and an access has one candidate.
  LogicalResult checkLives() {
    SmallVector<const Allocation *> byEnd;
    for (const Allocation &allocation : allocations)
      byEnd.push_back(&allocation);
    llvm::sort(byEnd, [](const Allocation *a, const Allocation *b) { return a->last < b->last; });
    Alive alive;
    ArrayRef<Allocation> starting = allocations;
    ArrayRef<const Allocation *> ending = byEnd;
    auto moveTo = [&](int64_t position) -> LogicalResult {
      for (; !ending.empty() && ending.front()->last < position; ending = ending.drop_front())
        if (auto entry = alive.find(ending.front()->offset); entry != alive.end() && entry->second == ending.front())
          alive.erase(entry);
      for (; !starting.empty() && starting.front().first <= position; starting = starting.drop_front())
        if (starting.front().bytes > 0 && starting.front().last >= position && failed(start(starting.front(), alive)))
          return failure();
      return success();
    };
    for (auto [position, op] : llvm::enumerate(program.getInstructions())) {
      if (failed(moveTo(position)))
        return failure();
      for (Value operand : op->getOperands())
        if (failed(checkAccess(op, operand, alive)))
          return failure();
    }
    // What the table says of times behind the last instruction must hold all the same.
    while (!starting.empty())
      if (failed(moveTo(starting.front().first)))
        return failure();
    return success();
  }

  LogicalResult start(const Allocation &allocation, Alive &alive) {
    auto next = alive.lower_bound(allocation.offset);
    if (next != alive.end() && next->first < allocation.offset + allocation.bytes)
      return reportOverlap(allocation, *next->second);
    if (next != alive.begin())
      if (const Allocation &previous = *std::prev(next)->second; previous.offset + previous.bytes > allocation.offset)
        return reportOverlap(previous, allocation);
    alive.emplace_hint(next, allocation.offset, &allocation);
    return success();
  }

  LogicalResult reportOverlap(const Allocation &a, const Allocation &b) {
    return program.emitError("buffers '")
           << a.name << "' at [" << a.offset << ", " << a.offset + a.bytes << ") and '" << b.name << "' at ["
           << b.offset << ", " << b.offset + b.bytes << ") are alive together";
  }

  /// Every access to the arena is inside a buffer that is alive.
  LogicalResult checkAccess(Operation *op, Value operand, const Alive &alive) {
    auto buffer = operand.getDefiningOp<exec::BufferOp>();
    if (!buffer)
      return op->emitOpError("expects buffers with an address as operands");
    int64_t begin = buffer.getOffset(), end = begin + bytesOf(buffer.getType());
    if (buffer.getSpace() != exec::Space::Arena || begin == end)
      return success();
    auto candidate = alive.upper_bound(begin);
    if (candidate != alive.begin())
      if (const Allocation &allocation = *std::prev(candidate)->second; end <= allocation.offset + allocation.bytes)
        return success();
    return op->emitOpError("uses bytes [") << begin << ", " << end << ") of the arena, where nothing is alive";
  }

  /// Streams wait for each other: compute touches what a collective reads or writes only after it has waited for it,
  /// and a collective starts only after its stream has waited for what compute touched before.
  LogicalResult checkStreams() {
    SmallVector<Operation *> instructions = program.getInstructions();
    llvm::DenseMap<int64_t, size_t> startedBefore; // event on communication -> number of collectives done then
    llvm::DenseMap<int64_t, size_t> recordedAt;    // event on compute -> its position
    SmallVector<Operation *> collectives;          // in the order of their stream
    size_t done = 0;                               // as many of them compute has waited for
    size_t seenByCommunication = 0;                // compute before this position is done for the other stream
    for (auto [position, op] : llvm::enumerate(instructions)) {
      if (auto record = dyn_cast<exec::RecordOp>(op)) {
        if (record.getStream() == 0)
          recordedAt[record.getEvent()] = position;
        else
          startedBefore[record.getEvent()] = collectives.size();
      } else if (auto wait = dyn_cast<exec::WaitOp>(op)) {
        if (wait.getStream() == 0)
          done = std::max(done, startedBefore.lookup(wait.getEvent()));
        else
          seenByCommunication = std::max(seenByCommunication, recordedAt.lookup(wait.getEvent()));
      } else if (auto collective = dyn_cast<exec::CollectiveOp>(op)) {
        // Streams of two ranks may run at different speeds: the order of collectives is one only where it is a
        // stream's.
        if (!collectives.empty() &&
            cast<exec::CollectiveOp>(collectives.front()).getStream() != collective.getStream()) {
          InFlightDiagnostic error =
              op->emitOpError("expects all collectives on one stream, so that every rank starts them "
                              "in one order, is on stream ")
              << collective.getStream();
          error.attachNote(collectives.front()->getLoc()) << "the first one is on another";
          return error;
        }
        for (size_t other = seenByCommunication; other < position; ++other)
          if (isCompute(instructions[other]) && overlaps(op, instructions[other]))
            return reportRace(op, instructions[other], "compute touches it here");
        collectives.push_back(op);
      } else {
        for (Operation *other : ArrayRef(collectives).drop_front(done))
          if (overlaps(op, other))
            return reportRace(op, other, "the collective is here");
      }
    }
    return success();
  }

  static bool isCompute(Operation *op) { return !isa<exec::RecordOp, exec::WaitOp, exec::CollectiveOp>(op); }

  static LogicalResult reportRace(Operation *op, Operation *other, StringRef note) {
    InFlightDiagnostic error = op->emitOpError("touches memory that its stream has not waited for");
    error.attachNote(other->getLoc()) << note;
    return error;
  }

  static bool overlaps(Operation *op, Operation *other) {
    for (Value mine : op->getOperands())
      for (Value theirs : other->getOperands()) {
        auto a = mine.getDefiningOp<exec::BufferOp>(), b = theirs.getDefiningOp<exec::BufferOp>();
        if (a.getSpace() != b.getSpace() || a.getIndex() != b.getIndex())
          continue;
        int64_t beginA = a.getOffset(), endA = beginA + bytesOf(a.getType());
        int64_t beginB = b.getOffset(), endB = beginB + bytesOf(b.getType());
        if (beginA < endB && beginB < endA)
          return true;
      }
    return false;
  }

  exec::ProgramOp program;
  SmallVector<Allocation> allocations;
};

struct ScheduleVerifyPass : raddle::impl::ScheduleVerifyBase<ScheduleVerifyPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function->hasAttr("exec.kernel")) {
        function.emitError("is not a program after 'schedule'");
        return signalPassFailure();
      }
    for (auto program : getOperation().getOps<exec::ProgramOp>())
      if (failed(ProgramVerifier(program).run()))
        return signalPassFailure();
  }
};

} // namespace

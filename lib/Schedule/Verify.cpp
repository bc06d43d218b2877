// schedule-verify: what stage 7 guarantees, found out from the program alone.
#include "Placement.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Passes.h"

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
    if (failed(readAllocations()) || failed(checkDisjoint()))
      return failure();
    for (auto [position, op] : llvm::enumerate(program.getInstructions()))
      for (Value operand : op->getOperands())
        if (failed(checkAccess(op, position, operand)))
          return failure();
    return checkStreams();
  }

private:
  LogicalResult readAllocations() {
    for (Attribute attribute : program.getAllocations()) {
      auto entry = dyn_cast<DictionaryAttr>(attribute);
      auto number = [&](StringRef name) { return entry ? entry.getAs<IntegerAttr>(name) : IntegerAttr(); };
      auto name = entry ? entry.getAs<StringAttr>("name") : StringAttr();
      if (!name || !number("offset") || !number("bytes") || !number("first") || !number("last"))
        return program.emitError("expects allocations with 'name', 'offset', 'bytes', 'first' and 'last', is ")
               << attribute;
      allocations.push_back({name.str(), number("bytes").getInt(), number("first").getInt(), number("last").getInt(),
                             number("offset").getInt()});
    }
    llvm::sort(allocations, [](const Allocation &a, const Allocation &b) { return a.offset < b.offset; });
    return success();
  }

  LogicalResult checkDisjoint() {
    for (size_t i = 0; i < allocations.size(); ++i)
      for (size_t j = i + 1; j < allocations.size(); ++j) {
        const Allocation &a = allocations[i], &b = allocations[j];
        if (b.offset >= a.offset + a.bytes)
          break;
        if (a.overlapsInTime(b))
          return program.emitError("buffers '")
                 << a.name << "' at [" << a.offset << ", " << a.offset + a.bytes << ") and '" << b.name << "' at ["
                 << b.offset << ", " << b.offset + b.bytes << ") are alive together";
      }
    return success();
  }

  /// Every access to the arena is inside a buffer that is alive.
  LogicalResult checkAccess(Operation *op, int64_t position, Value operand) {
    auto buffer = operand.getDefiningOp<exec::BufferOp>();
    if (!buffer)
      return op->emitOpError("expects buffers with an address as operands");
    if (buffer.getSpace() != exec::Space::Arena)
      return success();
    int64_t begin = buffer.getOffset(), end = begin + bytesOf(buffer.getType());
    for (const Allocation &allocation : allocations)
      if (allocation.offset <= begin && end <= allocation.offset + allocation.bytes && allocation.first <= position &&
          position <= allocation.last)
        return success();
    return op->emitOpError("uses bytes [") << begin << ", " << end << ") of the arena, where nothing is alive";
  }

  /// Streams wait for each other: compute touches what a collective reads or writes only after it has waited for it,
  /// and a collective starts only after its stream has waited for what compute touched before.
  LogicalResult checkStreams() {
    SmallVector<Operation *> instructions = program.getInstructions();
    llvm::DenseMap<int64_t, SmallVector<Operation *>> finishedBy; // event -> collectives that are done then
    llvm::DenseMap<int64_t, size_t> recordedAt;                   // event on compute -> its position
    SmallVector<Operation *> started;
    llvm::SetVector<Operation *> running;
    size_t seenByCommunication = 0; // compute before this position is done for the other stream
    for (auto [position, op] : llvm::enumerate(instructions)) {
      if (auto record = dyn_cast<exec::RecordOp>(op)) {
        if (record.getStream() == 0)
          recordedAt[record.getEvent()] = position;
        else
          finishedBy[record.getEvent()] = started;
      } else if (auto wait = dyn_cast<exec::WaitOp>(op)) {
        if (wait.getStream() == 0)
          running.remove_if([&](Operation *other) { return llvm::is_contained(finishedBy[wait.getEvent()], other); });
        else
          seenByCommunication = std::max(seenByCommunication, recordedAt.lookup(wait.getEvent()));
      } else if (isa<exec::CollectiveOp>(op)) {
        for (size_t other = seenByCommunication; other < position; ++other)
          if (isCompute(instructions[other]) && overlaps(op, instructions[other]))
            return reportRace(op, instructions[other], "compute touches it here");
        started.push_back(op);
        running.insert(op);
      } else {
        for (Operation *other : running)
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

#include "Prefetch.h"

#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Transforms/Utils/ScalarEvolutionExpander.h"

using namespace llvm;

namespace raddle {
namespace {

constexpr int64_t kLine = 64;
/// Bytes of a row, at most: the next one has to fit into the first cache beside the one that is computed.
constexpr int64_t kLargestRow = 16 << 10;
/// Bytes from use to prefetch, at least: a memory's latency.
constexpr int64_t kSmallestDistance = 2 << 10;
/// Prefetches in one pass of a loop, at most.
constexpr int64_t kMostLines = 32;

/// A vector loop over a row.
struct Pass {
  Loop *loop;
  int64_t trips, instructions;

  int64_t work() const { return trips * instructions; }
};

/// What the passes over a row read or write of one array.
struct Stream {
  const SCEV *start; // lowest address, an affine function of the row
  int64_t bytes;     // of a row
  int64_t rowBytes;  // from one row to the next
  unsigned firstPass;
  bool read;
};

class RowPrefetcher {
public:
  RowPrefetcher(Loop &rows, ScalarEvolution &evolution) : rows(rows), evolution(evolution) {}

  bool run() {
    if (rows.isInnermost())
      collect(&rows, /*trips=*/1);
    for (Loop *loop : rows.getSubLoops())
      if (int64_t trips = loop->isInnermost() ? evolution.getSmallConstantTripCount(loop) : 0)
        collect(loop, trips);
    if (streams.empty())
      return false;
    const Pass &host = *std::max_element(passes.begin(), passes.end(),
                                         [](const Pass &a, const Pass &b) { return a.work() < b.work(); });
    bool changed = false;
    for (const Stream &stream : streams)
      changed |= prefetch(stream, host);
    return changed;
  }

private:
  void collect(Loop *loop, int64_t trips) {
    int64_t instructions = 0;
    for (BasicBlock *block : loop->blocks()) {
      instructions += block->sizeWithoutDebug();
      for (Instruction &instruction : *block) {
        Value *pointer = getLoadStorePointerOperand(&instruction);
        // Memory on the stack is in the cache.
        if (pointer && getLoadStoreType(&instruction)->isVectorTy() && !isa<AllocaInst>(getUnderlyingObject(pointer)))
          addAccess(instruction, evolution.getSCEV(pointer), loop, trips);
      }
    }
    passes.push_back({loop, trips, instructions});
  }

  void addAccess(Instruction &instruction, const SCEV *start, Loop *loop, int64_t trips) {
    int64_t step = 0, rowBytes = 0;
    if (loop != &rows)
      start = startOf(start, loop, step);
    if (!start || step < 0 || !startOf(start, &rows, rowBytes) || rowBytes <= 0)
      return;
    const DataLayout &layout = instruction.getDataLayout();
    int64_t bytes = step * (trips - 1) + layout.getTypeStoreSize(getLoadStoreType(&instruction)).getFixedValue();
    bool read = isa<LoadInst>(instruction);
    for (Stream &stream : streams) {
      std::optional<APInt> difference = evolution.computeConstantDifference(start, stream.start);
      if (!difference || difference->abs().sge(stream.rowBytes))
        continue;
      int64_t distance = difference->getSExtValue();
      if (distance < 0)
        stream.start = start;
      stream.bytes = std::max(stream.bytes - std::min<int64_t>(distance, 0), bytes + std::max<int64_t>(distance, 0));
      stream.read |= read;
      return;
    }
    streams.push_back({start, bytes, rowBytes, static_cast<unsigned>(passes.size()), read});
  }

  /// Where an address that moves by a constant with each pass of a loop starts; null for another.
  const SCEV *startOf(const SCEV *address, Loop *loop, int64_t &step) {
    auto *moving = dyn_cast<SCEVAddRecExpr>(address);
    if (!moving || moving->getLoop() != loop || !moving->isAffine())
      return nullptr;
    auto *constant = dyn_cast<SCEVConstant>(moving->getStepRecurrence(evolution));
    if (!constant)
      return nullptr;
    step = constant->getAPInt().getSExtValue();
    return moving->getStart();
  }

  bool prefetch(const Stream &stream, const Pass &host) {
    int64_t step = divideCeil(stream.bytes, host.trips), lines = divideCeil(step, kLine);
    if (stream.bytes > kLargestRow || stream.bytes < kLine || lines > kMostLines)
      return false;
    // A row that no pass before the host has touched is the next to be used.
    bool comes = &host - passes.data() < stream.firstPass;
    int64_t ahead = divideCeil(kSmallestDistance, stream.rowBytes) - (comes ? 1 : 0);
    Type *type = evolution.getEffectiveSCEVType(stream.start->getType());
    const SCEV *start =
        evolution.getAddExpr(stream.start, evolution.getConstant(type, ahead * stream.rowBytes, /*isSigned=*/true));
    const SCEV *address = host.loop == &rows ? start
                                             : evolution.getAddRecExpr(start, evolution.getConstant(type, step),
                                                                       host.loop, SCEV::FlagAnyWrap);
    Instruction *place = &*host.loop->getHeader()->getFirstInsertionPt();
    SCEVExpander expander(evolution, "prefetch");
    if (!expander.isSafeToExpandAt(address, place))
      return false;
    Value *pointer = expander.expandCodeFor(address, stream.start->getType(), place);
    IRBuilder<> builder(place);
    // What is only written has time until then, and leaves the first cache to what is read.
    constexpr unsigned toRead = 0, inSecondCache = 2, inAllCaches = 3, ofData = 1;
    unsigned locality = stream.read ? inAllCaches : inSecondCache;
    for (int64_t line = 0; line < lines; ++line)
      builder.CreateIntrinsic(Intrinsic::prefetch, {pointer->getType()},
                              {builder.CreateConstGEP1_64(builder.getInt8Ty(), pointer, line * kLine),
                               builder.getInt32(toRead), builder.getInt32(locality), builder.getInt32(ofData)});
    return true;
  }

  Loop &rows;
  ScalarEvolution &evolution;
  SmallVector<Pass> passes;
  SmallVector<Stream> streams;
};

} // namespace

PreservedAnalyses PrefetchRowsPass::run(Function &function, FunctionAnalysisManager &analyses) {
  auto &loops = analyses.getResult<LoopAnalysis>(function);
  auto &evolution = analyses.getResult<ScalarEvolutionAnalysis>(function);
  SmallPtrSet<Loop *, 4> done;
  for (Loop *loop : loops.getLoopsInPreorder()) {
    if (loop->isInnermost() && done.contains(loop->getParentLoop()))
      continue;
    if (RowPrefetcher(*loop, evolution).run())
      done.insert(loop);
  }
  bool changed = !done.empty();
  return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
}

} // namespace raddle

// schedule-assign: programs on buffers.
#include "PendingCollectives.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Fuse/VerifyFused.h"
#include "raddle/Passes.h"
#include "raddle/Plan/Redistribute.h"
#include "llvm/ADT/MapVector.h"

namespace raddle {
#define GEN_PASS_DEF_SCHEDULEASSIGN
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

enum Stream : int64_t { Compute = 0, Communication = 1 };

/// Copies that no placement could avoid.
struct Copies {
  int64_t count = 0, bytes = 0;

  void add(int64_t copied) {
    ++count;
    bytes += copied;
  }
};

struct CopyCounts {
  Copies results, packs, addends;
};

/// Writes one function as a program.
class ProgramWriter {
public:
  ProgramWriter(func::FuncOp function, Placement &placement, SymbolTableCollection &symbols, bool replicated,
                CopyCounts &counts)
      : function(function), placement(placement), symbols(symbols), replicated(replicated), counts(counts),
        builder(function.getContext()), compute(integer(Compute)), communication(integer(Communication)) {}

  exec::ProgramOp run() {
    builder.setInsertionPoint(function);
    program = exec::ProgramOp::create(
        builder, function.getLoc(), builder.getStringAttr(function.getName()), builder.getI64IntegerAttr(0),
        builder.getI64IntegerAttr(2), builder.getI64IntegerAttr(0), builder.getArrayAttr(placement.inputs),
        builder.getArrayAttr(placement.outputs), builder.getArrayAttr(placement.states), builder.getArrayAttr({}));
    builder.createBlock(&program.getBody());
    for (Operation &op : function.getBody().front())
      write(&op);
    waitFor(pending.waitForAll());
    program.setEvents(events);
    return program;
  }

  /// Memory that a collective reads is not free before the other stream has waited for it.
  ArrayRef<std::pair<Operation *, int64_t>> getHeldAllocations() const { return held; }

private:
  IntegerAttr integer(int64_t value) { return builder.getI64IntegerAttr(value); }

  Value bufferAt(Location loc, Place place, Type type) {
    auto shaped = cast<ShapedType>(type);
    auto memref = MemRefType::get(shaped.getShape(), shaped.getElementType());
    Value &known = buffers[{static_cast<int64_t>(place.space), place.index, place.offset, memref}];
    if (!known)
      known = exec::BufferOp::create(builder, loc, memref, exec::SpaceAttr::get(builder.getContext(), place.space),
                                     integer(place.index), integer(place.offset));
    return known;
  }

  Value bufferOf(Value value) {
    Value &known = ofValue[value];
    if (!known)
      known = bufferAt(value.getLoc(), placement.lookup(value), value.getType());
    return known;
  }

  SmallVector<Value> buffersOf(ValueRange values) {
    return llvm::map_to_vector(values, [&](Value value) { return bufferOf(value); });
  }

  /// Compute waits for collectives that wrote what it is about to touch.
  void synchronise(Operation *op) {
    SmallVector<Place> touched;
    for (Value value : llvm::concat<Value>(SmallVector<Value>(op->getOperands()), SmallVector<Value>(op->getResults())))
      if (isa<TensorType>(value.getType()))
        touched.push_back(placement.lookup(value));
    waitFor(pending.waitFor(touched));
  }

  /// Compute waits for the last of them and so for all.
  void waitFor(ArrayRef<PendingCollective> done) {
    if (done.empty())
      return;
    auto wait = exec::WaitOp::create(builder, function.getLoc(), integer(done.back().event), compute);
    for (const PendingCollective &collective : done)
      for (const Place &place : collective.places)
        if (place.space == exec::Space::Arena)
          held.push_back({wait, place.index});
  }

  void write(Operation *op) {
    if (isView(op) || isa<ragged::SlotOp, arith::ConstantOp>(op))
      return;
    // Collectives follow one another anyway.
    if (!isCollective(op))
      synchronise(op);
    Location loc = op->getLoc();
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](exec::DispatchOp dispatch) {
          exec::DispatchOp::create(builder, loc, TypeRange{}, dispatch.getKernelAttr(), buffersOf(dispatch.getIns()),
                                   buffersOf(dispatch.getTensors()), compute);
        })
        .Case([&](exec::GemmOp gemm) { writeGemm(gemm); })
        .Case([&](exec::AttentionOp attention) {
          SmallVector<Value> ins = buffersOf(attention.getIns()), outs = buffersOf(attention.getTensors());
          exec::AttentionOp::create(builder, loc, TypeRange{}, ins, outs, attention.getExtentsAttr(),
                                    attention.getStridesAttr(), attention.getScaleAttr(), attention.getCausalAttr(),
                                    attention.getMaskedAttr(), attention.getBackwardAttr(),
                                    attention.getUnorderedAttr(), compute);
        })
        .Case([&](exec::CheckIndexOp check) {
          exec::CheckIndexOp::create(builder, loc, bufferOf(check.getIndices()), check.getSizeAttr(),
                                     check.getLowestAttr(), check.getIgnoreAttr(), check.getWhatAttr(), compute);
        })
        .Case([&](ragged::GatherOp gather) {
          writeCollective(loc, exec::CollectiveKind::AllGather, exec::Reduction::Sum, shards(), gather.getSlice(),
                          gather.getFull(), "gather of " + gather.getBucket());
        })
        .Case([&](ragged::ReduceScatterOp scatter) {
          waitFor(pending.waitForScatters());
          writeCollective(loc, exec::CollectiveKind::ReduceScatter, reductionOf(scatter.getReduction()), shards(),
                          scatter.getFull(), scatter.getSlice(), "gradients of " + scatter.getBucket());
        })
        .Case([&](ragged::AllReduceOp reduce) {
          auto group = static_cast<exec::Group>(static_cast<uint32_t>(reduce.getGroup()));
          writeCollective(loc, exec::CollectiveKind::AllReduce, reductionOf(reduce.getReduction()), group,
                          reduce.getInput(), reduce.getResult());
        })
        .Case([&](ragged::RedistributeOp op) { writeRedistribution(op); })
        .Case([&](ragged::GatherToRootsOp op) { writeGatherToRoots(op); })
        .Case([&](ragged::ScatterFromRootsOp op) { writeScatterFromRoots(op); })
        .Case([&](ragged::PackOp pack) { writePack(pack); })
        .Case([&](func::ReturnOp terminator) { writeResults(terminator); })
        .Default([](Operation *op) { llvm_unreachable("verifyFused refuses all others"); });
  }

  /// What it adds to is copied where that must stay as it is, or could not be computed in its place.
  void writeGemm(exec::GemmOp gemm) {
    Location loc = gemm.getLoc();
    Value addend = gemm.getAddend();
    if (Place target = placement.lookup(gemm.getTensors()[0]); addend && !(placement.lookup(addend) == target)) {
      writeCopy(loc, addend, target);
      counts.addends.add(bytesOf(addend.getType()));
    }
    SmallVector<Value> ins = buffersOf(gemm.getIns().drop_back(addend ? 1 : 0)), outs = buffersOf(gemm.getTensors());
    exec::GemmOp::create(builder, loc, TypeRange{}, ins, outs, gemm.getMAttr(), gemm.getNAttr(), gemm.getKAttr(),
                         gemm.getLdAttr(), gemm.getTransAttr(), gemm.getAlphaAttr(), gemm.getBatchAttr(),
                         gemm.getStrideAAttr(), gemm.getStrideBAttr(), gemm.getStrideCAttr(), gemm.getBiasAttr(),
                         gemm.getActivationAttr(), gemm.getKeptAttr(), gemm.getSumAttr(), gemm.getAccumulateAttr(),
                         compute);
  }

  static exec::Reduction reductionOf(ragged::Reduction reduction) {
    return static_cast<exec::Reduction>(static_cast<uint32_t>(reduction));
  }

  /// The ranks of one replica: all, where there is one.
  exec::Group shards() const { return replicated ? exec::Group::Shards : exec::Group::All; }

  void writeCollective(Location loc, exec::CollectiveKind kind, exec::Reduction reduction, exec::Group group, Value src,
                       Value dst, const Twine &what = "", DenseI64ArrayAttr pieces = {}) {
    int64_t ready = events++, done = events++;
    Value from = bufferOf(src), into = bufferOf(dst);
    MLIRContext *context = builder.getContext();
    exec::RecordOp::create(builder, loc, integer(ready), compute);
    exec::WaitOp::create(builder, loc, integer(ready), communication);
    exec::CollectiveOp::create(builder, loc, exec::CollectiveKindAttr::get(context, kind),
                               exec::ReductionAttr::get(context, reduction), from, into,
                               exec::GroupAttr::get(context, group), pieces,
                               what.isTriviallyEmpty() ? StringAttr() : builder.getStringAttr(what), communication);
    exec::RecordOp::create(builder, loc, integer(done), communication);
    pending.start({kind == exec::CollectiveKind::ReduceScatter, done, {placement.lookup(src), placement.lookup(dst)}});
  }

  void writeTransfer(Location loc, Value src, Value dst, ArrayRef<plan::Piece> pieces) {
    SmallVector<int64_t> numbers;
    for (const plan::Piece &piece : pieces)
      numbers.append({piece.from, piece.to, piece.source, piece.target, piece.count});
    writeCollective(loc, exec::CollectiveKind::Transfer, exec::Reduction::Sum, shards(), src, dst, "",
                    builder.getDenseI64ArrayAttr(numbers));
  }

  ragged::BucketOp bucketOf(Operation *op, FlatSymbolRefAttr name) {
    return symbols.lookupNearestSymbolFrom<ragged::BucketOp>(op, name);
  }

  static plan::Interval intervalOf(ragged::BucketOp bucket, ragged::SlotAttr slot) {
    return {slot.getOffset(), static_cast<int64_t>(bucket.getShard())};
  }

  /// What no slot covers is zero.
  void clearPadding(Location loc, ragged::BucketOp bucket, Value slice) {
    if (bucket.getPadding() != 0)
      exec::ZeroOp::create(builder, loc, bufferOf(slice), compute);
  }

  void writeRedistribution(ragged::RedistributeOp op) {
    ragged::BucketOp source = bucketOf(op, op.getSourceAttr()), target = bucketOf(op, op.getTargetAttr());
    std::vector<plan::Piece> pieces;
    for (auto slot : source.getSlots().getAsRange<ragged::SlotAttr>())
      plan::appendRedistribution(pieces, intervalOf(source, slot), intervalOf(target, target.findSlot(slot.getName())),
                                 slot.getElements());
    clearPadding(op.getLoc(), target, op.getResult());
    writeTransfer(op.getLoc(), op.getSlice(), op.getResult(), pieces);
  }

  void writeGatherToRoots(ragged::GatherToRootsOp op) {
    ragged::BucketOp bucket = bucketOf(op, op.getBucketAttr());
    for (auto [slot, tensor, root] :
         llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), op.getTensors(), *op.getRoots()))
      writeTransfer(op.getLoc(), op.getSlice(), tensor,
                    plan::gatherToRoot(intervalOf(bucket, slot), slot.getElements(), root));
  }

  void writeScatterFromRoots(ragged::ScatterFromRootsOp op) {
    ragged::BucketOp bucket = bucketOf(op, op.getBucketAttr());
    clearPadding(op.getLoc(), bucket, op.getSlice());
    for (auto [slot, tensor, root] :
         llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), op.getTensors(), *op.getRoots()))
      writeTransfer(op.getLoc(), tensor, op.getSlice(),
                    plan::scatterFromRoot(intervalOf(bucket, slot), slot.getElements(), root));
  }

  void writeCopy(Location loc, Value value, Place place) {
    exec::CopyOp::create(builder, loc, bufferOf(value), bufferAt(loc, place, value.getType()), compute);
  }

  /// Copies what could not be written in its slot, and clears what no slot covers.
  void writePack(ragged::PackOp pack) {
    auto bucket = symbols.lookupNearestSymbolFrom<ragged::BucketOp>(pack, pack.getBucketAttr());
    Type element = getElementTypeOrSelf(pack.getFull());
    int64_t position = 0;
    Place whole = placement.lookup(pack.getFull());
    auto at = [&](int64_t elements) {
      return Place{whole.space, whole.index, whole.offset + elements * elementBytes(element)};
    };
    auto clear = [&](int64_t from, int64_t to) {
      if (from < to)
        exec::ZeroOp::create(builder, pack.getLoc(),
                             bufferAt(pack.getLoc(), at(from), MemRefType::get({to - from}, element)), compute);
    };
    SmallVector<std::pair<ragged::SlotAttr, OpOperand *>> slots;
    for (auto [slot, operand] : llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), pack.getTensorsMutable()))
      slots.push_back({slot, &operand});
    llvm::sort(slots, [](auto &a, auto &b) { return a.first.getOffset() < b.first.getOffset(); });
    for (auto [slot, operand] : slots) {
      clear(position, slot.getOffset());
      position = slot.getOffset() + slot.getElements();
      if (!placement.needsCopy(*operand))
        continue;
      writeCopy(pack.getLoc(), operand->get(), at(slot.getOffset()));
      counts.packs.add(bytesOf(operand->get().getType()));
    }
    clear(position, bucket.getElements());
  }

  /// Copies results that could not be written in place. Outputs come first and old values of states are set aside,
  /// since the copies into states overwrite them.
  void writeResults(func::ReturnOp terminator) {
    Location loc = terminator.getLoc();
    SmallVector<std::pair<Value, Place>> intoStates; // buffer, destination
    for (OpOperand &operand : terminator->getOpOperands()) {
      if (!placement.needsCopy(operand))
        continue;
      int64_t bytes = bytesOf(operand.get().getType());
      counts.results.add(bytes);
      Place target = placement.resultPlace(operand.getOperandNumber());
      if (target.space != exec::Space::State) {
        writeCopy(loc, operand.get(), target);
        continue;
      }
      Value source = bufferOf(operand.get());
      if (placement.lookup(operand.get()).space == exec::Space::State) {
        Place aside = placement.allocate(operand.get().getType(), "old value of a state");
        writeCopy(loc, operand.get(), aside);
        source = bufferAt(loc, aside, operand.get().getType());
        counts.results.add(bytes);
      }
      intoStates.push_back({source, target});
    }
    for (auto [source, target] : intoStates)
      exec::CopyOp::create(builder, loc, source, bufferAt(loc, target, source.getType()), compute);
  }

  func::FuncOp function;
  Placement &placement;
  SymbolTableCollection &symbols;
  bool replicated;
  CopyCounts &counts;
  OpBuilder builder;
  IntegerAttr compute, communication; // streams
  exec::ProgramOp program;
  /// Buffers by place and type; those of values, which are found faster.
  llvm::DenseMap<std::tuple<int64_t, int64_t, int64_t, Type>, Value> buffers;
  llvm::DenseMap<Value, Value> ofValue;
  PendingCollectives pending;
  SmallVector<std::pair<Operation *, int64_t>> held;
  int64_t events = 0;
};

struct ScheduleAssignPass : raddle::impl::ScheduleAssignBase<ScheduleAssignPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(verifyFused(getOperation())))
      return signalPassFailure();
    SymbolTableCollection symbols;
    OpBuilder builder(&getContext());
    int64_t numConstants = 0;
    llvm::MapVector<Attribute, int64_t> constants;
    auto addConstant = [&](ElementsAttr value) {
      auto [entry, inserted] = constants.insert({value, numConstants});
      numConstants += inserted;
      return entry->second;
    };
    std::optional<ragged::Mesh> mesh = ragged::verifyMesh(getOperation());
    if (!mesh)
      return signalPassFailure();
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function->hasAttr("exec.kernel"))
        continue;
      Placement placement(function, symbols);
      if (failed(placement.run(addConstant)))
        return signalPassFailure();
      CopyCounts counts;
      ProgramWriter writer(function, placement, symbols, mesh->replicas() > 1, counts);
      exec::ProgramOp program = writer.run();
      assignAddresses(program, placement, writer.getHeldAllocations());
      checkBudget(program);
      explainCopies(program, counts);
      function.erase();
    }
    builder.setInsertionPointToStart(getOperation().getBody());
    for (auto &[value, index] : constants)
      exec::ConstantOp::create(builder, getOperation().getLoc(), builder.getStringAttr("constant_" + Twine(index)),
                               cast<ElementsAttr>(value), builder.getI64IntegerAttr(index));
  }

private:
  void explainCopies(exec::ProgramOp program, const CopyCounts &counts) {
    numCopies += counts.results.count;
    numPackCopies += counts.packs.count;
    numAddendCopies += counts.addends.count;
    remark::analysis(program.getLoc(), remark::RemarkOpts::name("copied").category("schedule-assign"))
        << program.getSymName() << ": " << std::to_string(counts.packs.bytes) << " bytes are copied into buckets, "
        << std::to_string(counts.results.bytes) << " bytes into results";
    if (counts.addends.count != 0)
      remark::missed(program.getLoc(), remark::RemarkOpts::name("addend").category("schedule-assign"))
          << program.getSymName() << ": " << std::to_string(counts.addends.bytes)
          << " bytes that products are added to are copied, as they are read later or lie elsewhere";
  }

  void assignAddresses(exec::ProgramOp program, Placement &placement, ArrayRef<std::pair<Operation *, int64_t>> held) {
    llvm::DenseMap<Operation *, int64_t> position;
    for (auto [index, op] : llvm::enumerate(program.getInstructions()))
      position[op] = index;
    auto use = [&](int64_t allocation, Operation *op) {
      Allocation &used = placement.allocations[allocation];
      int64_t at = position.lookup(op);
      used.first = used.isUsed() ? std::min(used.first, at) : at;
      used.last = std::max(used.last, at);
    };
    SmallVector<exec::BufferOp> arenaBuffers;
    for (auto buffer : program.getBody().front().getOps<exec::BufferOp>()) {
      if (buffer.getSpace() != exec::Space::Arena)
        continue;
      arenaBuffers.push_back(buffer);
      for (Operation *user : buffer.getBuffer().getUsers())
        use(buffer.getIndex(), user);
    }
    for (auto [op, allocation] : held)
      use(allocation, op);

    int64_t arena = assignOffsets(placement.allocations);
    for (exec::BufferOp buffer : arenaBuffers) {
      buffer.setOffset(buffer.getOffset() + placement.allocations[buffer.getIndex()].offset);
      buffer.setIndex(0);
    }
    program.setArena(arena);
    program.setAllocationsAttr(describe(placement.allocations));
    numArenaBytes.updateMax(arena);
    numLowerBound.updateMax(mostLiveBytes(placement.allocations).bytes);
  }

  void checkBudget(exec::ProgramOp program) {
    int64_t states = 0, arena = program.getArena();
    for (auto state : program.getStates().getAsRange<DictionaryAttr>())
      states += bytesOf(state.getAs<TypeAttr>("type").getValue());
    if (budget == 0 || states + arena <= budget)
      return;
    program.emitError("needs ") << states + arena << " bytes a rank (" << states << " of states, " << arena
                                << " of arena), the memory budget is " << int64_t(budget);
    signalPassFailure();
  }

  ArrayAttr describe(ArrayRef<Allocation> allocations) {
    Builder attrs(&getContext());
    SmallVector<Attribute> entries;
    for (const Allocation &allocation : allocations) {
      if (!allocation.isUsed())
        continue;
      auto number = [&](StringRef name, int64_t value) {
        return attrs.getNamedAttr(name, attrs.getI64IntegerAttr(value));
      };
      entries.push_back(attrs.getDictionaryAttr({attrs.getNamedAttr("name", attrs.getStringAttr(allocation.name)),
                                                 number("offset", allocation.offset), number("bytes", allocation.bytes),
                                                 number("first", allocation.first), number("last", allocation.last)}));
    }
    return attrs.getArrayAttr(entries);
  }
};

} // namespace

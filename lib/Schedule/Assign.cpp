// schedule-assign: programs on buffers.
#include "Addresses.h"
#include "CollectiveWriter.h"
#include "CopyWriter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "raddle/Fuse/VerifyFused.h"
#include "raddle/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace raddle {
#define GEN_PASS_DEF_SCHEDULEASSIGN
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// Writes one function as a program.
class ProgramWriter {
public:
  ProgramWriter(func::FuncOp function, Placement &placement, SymbolTableCollection &symbols, bool replicated)
      : function(function), placement(placement), builder(function.getContext()),
        compute(builder.getI64IntegerAttr(Compute)), buffers(builder, placement),
        collectives(builder, function.getLoc(), buffers, placement, symbols, replicated),
        copies(builder, buffers, placement, symbols, compute) {}

  exec::ProgramOp run() {
    builder.setInsertionPoint(function);
    auto program = exec::ProgramOp::create(
        builder, function.getLoc(), builder.getStringAttr(function.getName()), builder.getI64IntegerAttr(0),
        builder.getI64IntegerAttr(2), builder.getI64IntegerAttr(0), builder.getArrayAttr(placement.inputs),
        builder.getArrayAttr(placement.outputs), builder.getArrayAttr(placement.states), builder.getArrayAttr({}));
    builder.createBlock(&program.getBody());
    for (Operation &op : function.getBody().front())
      write(&op);
    collectives.waitForAll();
    program.setEvents(collectives.numEvents());
    return program;
  }

  const CollectiveWriter &getCollectives() const { return collectives; }
  const CopyWriter &getCopies() const { return copies; }

private:
  void write(Operation *op) {
    if (isView(op) || isa<ragged::SlotOp, arith::ConstantOp>(op))
      return;
    // Collectives follow one another anyway.
    if (!isCollective(op))
      collectives.waitForMemoryOf(op);
    Location loc = op->getLoc();
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](exec::DispatchOp dispatch) {
          exec::DispatchOp::create(builder, loc, TypeRange{}, dispatch.getKernelAttr(), buffers.of(dispatch.getIns()),
                                   buffers.of(dispatch.getTensors()), compute);
        })
        .Case([&](exec::GemmOp gemm) {
          copies.writeAddend(gemm);
          ValueRange factors = gemm.getIns().drop_back(gemm.getAddend() ? 1 : 0);
          SmallVector<Value> ins = buffers.of(factors), outs = buffers.of(gemm.getTensors());
          exec::GemmOp::create(builder, loc, TypeRange{}, ins, outs, gemm.getMAttr(), gemm.getNAttr(), gemm.getKAttr(),
                               gemm.getLdAttr(), gemm.getTransAttr(), gemm.getAlphaAttr(), gemm.getBatchAttr(),
                               gemm.getStrideAAttr(), gemm.getStrideBAttr(), gemm.getStrideCAttr(), gemm.getBiasAttr(),
                               gemm.getActivationAttr(), gemm.getKeptAttr(), gemm.getSumAttr(),
                               gemm.getAccumulateAttr(), compute);
        })
        .Case([&](exec::AttentionOp attention) {
          SmallVector<Value> ins = buffers.of(attention.getIns()), outs = buffers.of(attention.getTensors());
          exec::AttentionOp::create(builder, loc, TypeRange{}, ins, outs, attention.getExtentsAttr(),
                                    attention.getStridesAttr(), attention.getScaleAttr(), attention.getCausalAttr(),
                                    attention.getMaskedAttr(), attention.getLengthsAttr(), attention.getBackwardAttr(),
                                    attention.getUnorderedAttr(), compute);
        })
        .Case([&](exec::CheckIndexOp check) {
          exec::CheckIndexOp::create(builder, loc, buffers.of(check.getIndices()), check.getSizeAttr(),
                                     check.getLowestAttr(), check.getIgnoreAttr(), check.getWhatAttr(), compute);
        })
        .Case<ragged::GatherOp, ragged::ReduceScatterOp, ragged::AllReduceOp, ragged::RedistributeOp,
              ragged::GatherToRootsOp, ragged::ScatterFromRootsOp>([&](auto op) { collectives.write(op); })
        .Case<ragged::PackOp, func::ReturnOp>([&](auto op) { copies.write(op); })
        .Default([](Operation *op) { llvm_unreachable("verifyFused refuses all others"); });
  }

  func::FuncOp function;
  Placement &placement;
  OpBuilder builder;
  IntegerAttr compute; // stream
  ProgramBuffers buffers;
  CollectiveWriter collectives;
  CopyWriter copies;
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
      ProgramWriter writer(function, placement, symbols, mesh->replicas() > 1);
      exec::ProgramOp program = writer.run();
      assignAddresses(program, placement.allocations, writer.getCollectives().getHeldAllocations());
      numArenaBytes.updateMax(program.getArena());
      numLowerBound.updateMax(mostLiveBytes(placement.allocations).bytes);
      checkBudget(program);
      explainCopies(program, writer.getCopies());
      function.erase();
    }
    builder.setInsertionPointToStart(getOperation().getBody());
    for (auto &[value, index] : constants)
      exec::ConstantOp::create(builder, getOperation().getLoc(), builder.getStringAttr("constant_" + Twine(index)),
                               cast<ElementsAttr>(value), builder.getI64IntegerAttr(index));
  }

private:
  void explainCopies(exec::ProgramOp program, const CopyWriter &copies) {
    numCopies += copies.results.count;
    numPackCopies += copies.packs.count;
    numAddendCopies += copies.addends.count;
    remark::analysis(program.getLoc(), remark::RemarkOpts::name("copied").category("schedule-assign"))
        << program.getSymName() << ": " << std::to_string(copies.packs.bytes) << " bytes are copied into buckets, "
        << std::to_string(copies.results.bytes) << " bytes into results";
    if (copies.addends.count != 0)
      remark::missed(program.getLoc(), remark::RemarkOpts::name("addend").category("schedule-assign"))
          << program.getSymName() << ": " << std::to_string(copies.addends.bytes)
          << " bytes that products are added to are copied, as they are read later or lie elsewhere";
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
};

} // namespace

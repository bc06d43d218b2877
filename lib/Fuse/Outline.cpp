// fuse-outline: library calls, and a function for each kernel.
#include "../Codegen/Triton/WriteKernel.h"
#include "Accumulate.h"
#include "Contraction.h"
#include "GemmEpilogue.h"
#include "RowGroups.h"
#include "Simplify.h"
#include "SplitSums.h"
#include "Structure.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {
#define GEN_PASS_DEF_FUSEOUTLINE
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

/// How often a kernel on tiles may compute what it has to: from the first on no kernel is written at all.
constexpr double kMostRepeated = 1e9, kHardlyRepeated = 2.5;

struct FuseOutlinePass : raddle::impl::FuseOutlineBase<FuseOutlinePass> {
  using Base::Base;

  void runOnOperation() override {
    symbols.emplace(getOperation());
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (function.isExternal() || function->hasAttr("exec.kernel"))
        continue;
      if (failed(checkBody(function)))
        return signalPassFailure();
      Block &body = function.getBody().front();
      generalizeNamedOps(body);
      foldInits(body);
      foldWidening(body);
      recogniseGemms(function);
      eraseDead(function);
      if (epilogues) {
        numEpilogues += fuseEpilogues(function);
        eraseDead(function);
      }
      numAccumulated += accumulateProducts(function);
      dropUnitLoops(body);
      foldInits(body);
      eraseDead(function);
      std::vector<Group> groups = groupOps(body);
      KernelTest test;
      if (tiles)
        test = [this](ArrayRef<Operation *> ops, Operation *place, Wanted wanted) {
          return isTiled({SmallVector<Operation *>(ops), place}, wanted);
        };
      RowGroups rows(body, groups, test);
      if (joinRows)
        numJoined += rows.join();
      if (getContext().getRemarkEngine())
        rows.explainApart(joinRows);
      rows.finish();
      for (Group &group : groups)
        if (failed(outline(group)))
          return signalPassFailure();
      moveViewsToSources(body);
      eraseDead(function);
    }
  }

private:
  void recogniseGemms(func::FuncOp function) {
    for (auto op : llvm::make_early_inc_range(function.getBody().front().getOps<linalg::LinalgOp>())) {
      OpBuilder builder(op);
      std::optional<GemmCall> call = buildGemm(op, builder);
      if (!call)
        continue;
      call->replaced->replaceAllUsesWith(call->gemm.getTensors());
      ++numGemms;
    }
  }

  /// What computes a group: a kernel, or that, which gives some results, and another for the rest, which takes some
  /// inputs and what else the first gives.
  struct Kernels {
    func::FuncOp first, rest;
    SmallVector<unsigned> inputs, whole;
  };

  /// Collects what the group needs: ops to clone, in order, and values to pass.
  struct Closure {
    llvm::SetVector<Operation *> ops;
    llvm::SetVector<Value> inputs;
  };

  void addOp(Operation *op, const llvm::SmallPtrSetImpl<Operation *> &members, Closure &closure) {
    if (closure.ops.contains(op))
      return;
    llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
    if (op->getNumRegions())
      getUsedValuesDefinedAbove(op->getRegions(), used);
    for (Value value : used) {
      Operation *producer = value.getDefiningOp();
      if (producer && (members.contains(producer) || isDuplicable(producer)))
        addOp(producer, members, closure);
      else
        closure.inputs.insert(value);
    }
    closure.ops.insert(op);
  }

  /// A kernel gets addresses, and gives results that have one.
  LogicalResult checkBoundary(Operation *root, ValueRange results, const Closure &closure) {
    for (Type type : llvm::concat<const Type>(ValueRange(closure.inputs.getArrayRef()).getTypes(), results.getTypes()))
      if (!isStorable(type))
        return root->emitOpError("is no kernel: expects to read and to give tensors of static shape of numbers, has ")
               << type;
    return success();
  }

  /// Whether something beside the members reads a value. What kernels compute again reads it for those that read it.
  bool isReadOutside(Value value, Block *block, const llvm::SmallPtrSetImpl<Operation *> &members) const {
    return llvm::any_of(value.getUsers(), [&](Operation *nested) {
      Operation *user = block->findAncestorOpInBlock(*nested);
      if (members.contains(user))
        return false;
      return !tiles || !isDuplicable(user) ||
             llvm::any_of(user->getResults(), [&](Value result) { return isReadOutside(result, block, members); });
    });
  }

  /// What of a group its kernel gives: tensors that something else reads, all of them for a group of one op. A loop may
  /// carry numbers, which have no memory.
  SmallVector<Value> resultsOf(const Group &group, const llvm::SmallPtrSetImpl<Operation *> &members) const {
    SmallVector<Value> results;
    for (Operation *op : group.ops)
      for (Value result : op->getResults()) {
        bool isRead = isReadOutside(result, group.place->getBlock(), members);
        if (isa<TensorType>(result.getType()) && (isRead || group.ops.size() == 1))
          results.push_back(result);
      }
    return results;
  }

  Closure closureOf(const Group &group, ArrayRef<Value> results, const llvm::SmallPtrSetImpl<Operation *> &members) {
    Closure closure;
    for (Value result : results)
      addOp(result.getDefiningOp(), members, closure);
    if (results.empty())
      addOp(group.place, members, closure);
    return closure;
  }

  /// How often a kernel on tiles computes what it has to; kMostRepeated where none can be written.
  static double repetitions(func::FuncOp kernel) {
    std::string why;
    std::optional<TritonKernel> written = writeForTriton(kernel, {}, why);
    return written ? written->repeated : kMostRepeated;
  }

  /// Whether the group's kernel can be written on tiles, as wanted.
  bool isTiled(const Group &group, Wanted wanted) {
    llvm::SmallPtrSet<Operation *, 8> members(group.ops.begin(), group.ops.end());
    SmallVector<Value> results = resultsOf(group, members);
    Closure closure = closureOf(group, results, members);
    std::string key = structureOf(closure.inputs.getArrayRef(), closure.ops.getArrayRef(), results);
    auto [known, isNew] = (wanted == Wanted::Stripes ? striped : tiled).try_emplace(key, kMostRepeated);
    if (isNew) {
      OwningOpRef<func::FuncOp> kernel = buildKernel(group.place, results, closure);
      if (wanted != Wanted::Stripes)
        known->second = repetitions(*kernel);
      else if (std::optional<SplitKernel> split = splitStripes(*kernel))
        known->second = std::max(repetitions(*split->parts), repetitions(*split->rest));
    }
    return wanted == Wanted::Code ? known->second < kMostRepeated : known->second <= kHardlyRepeated;
  }

  LogicalResult outline(const Group &group) {
    llvm::SmallPtrSet<Operation *, 8> members(group.ops.begin(), group.ops.end());
    SmallVector<Value> results = resultsOf(group, members);
    Closure closure = closureOf(group, results, members);
    if (failed(checkBoundary(group.place, results, closure)))
      return failure();
    numFused += group.ops.size() - 1;
    const Kernels &kernels = findOrAddKernels(group.place, results, closure);
    exec::DispatchOp dispatch = addDispatch(group.place, kernels.first, closure.inputs.getArrayRef());
    SmallVector<Value> tensors(dispatch.getTensors());
    if (kernels.rest) {
      SmallVector<Value> inputs;
      for (unsigned input : kernels.inputs)
        inputs.push_back(closure.inputs[input]);
      llvm::append_range(inputs, ArrayRef(tensors).drop_front(kernels.whole.size()));
      tensors.truncate(kernels.whole.size());
      dispatch = addDispatch(group.place, kernels.rest, inputs);
      auto rest = dispatch.getTensors().begin();
      SmallVector<Value> inOrder;
      for (unsigned number = 0; number < results.size(); ++number) {
        auto whole = llvm::find(kernels.whole, number);
        inOrder.push_back(whole != kernels.whole.end() ? tensors[whole - kernels.whole.begin()] : *rest++);
      }
      tensors = inOrder;
    }
    // A duplicable op stays for the kernels that compute it themselves.
    for (auto [result, tensor] : llvm::zip_equal(results, tensors))
      result.replaceUsesWithIf(tensor, [&, result = result](OpOperand &use) {
        Operation *user = use.getOwner();
        bool isKernelWork =
            isa_and_nonnull<linalg::LinalgDialect, tensor::TensorDialect, scf::SCFDialect>(user->getDialect());
        return !isDuplicable(result.getDefiningOp()) || isView(user) || !isKernelWork;
      });
    return success();
  }

  exec::DispatchOp addDispatch(Operation *place, func::FuncOp kernel, ValueRange inputs) {
    OpBuilder builder(place);
    ++numDispatches;
    return exec::DispatchOp::create(builder, place->getLoc(), kernel.getResultTypes(),
                                    FlatSymbolRefAttr::get(kernel.getSymNameAttr()), inputs, ValueRange{},
                                    builder.getI64IntegerAttr(0));
  }

  /// Floating-point operations of a kernel, for reports: those of each body, once a point of its loops.
  static int64_t countFlops(func::FuncOp kernel) {
    uint64_t flops = 0;
    kernel.walk([&](linalg::GenericOp op) {
      uint64_t points = 1;
      for (int64_t extent : op.getStaticLoopRanges())
        points = ShapedType::isDynamic(extent) ? 0 : llvm::SaturatingMultiply<uint64_t>(points, extent);
      for (Operation &inner : op.getBody()->without_terminator())
        if (inner.getNumResults() == 1 && isa<FloatType>(inner.getResult(0).getType()) &&
            !isa<arith::ConstantOp, arith::SelectOp, tensor::ExtractOp>(inner))
          flops = llvm::SaturatingAdd(flops, points);
    });
    return std::min<uint64_t>(flops, std::numeric_limits<int64_t>::max());
  }

  /// Bytes that a kernel reads and writes if it touches each argument and result once.
  static int64_t countBytes(func::FuncOp kernel) {
    int64_t bytes = 0;
    for (Type type : llvm::concat<const Type>(kernel.getArgumentTypes(), kernel.getResultTypes()))
      bytes += arrayBytes(cast<ShapedType>(type)).value();
    return bytes;
  }

  func::FuncOp buildKernel(Operation *root, ArrayRef<Value> outputs, const Closure &closure) {
    OpBuilder builder(&getContext());
    Location loc = root->getLoc();
    SmallVector<Type> inputTypes;
    for (Value input : closure.inputs)
      inputTypes.push_back(input.getType());
    auto type = builder.getFunctionType(inputTypes, TypeRange(ValueRange(outputs)));
    auto kernel = func::FuncOp::create(loc, "kernel", type);
    kernel.setPrivate();
    kernel->setAttr("exec.kernel", builder.getUnitAttr());
    Block *block = kernel.addEntryBlock();
    builder.setInsertionPointToStart(block);
    IRMapping mapping;
    for (auto [input, argument] : llvm::zip(closure.inputs, block->getArguments()))
      mapping.map(input, argument);
    for (Operation *op : closure.ops)
      cloneInto(builder, op, mapping);
    SmallVector<Value> results;
    for (Value output : outputs)
      results.push_back(mapping.lookup(output));
    func::ReturnOp::create(builder, loc, results);
    return kernel;
  }

  /// A splat constant becomes a fill: a constant tensor would need memory of its own.
  void cloneInto(OpBuilder &builder, Operation *op, IRMapping &mapping) {
    auto constant = dyn_cast<arith::ConstantOp>(op);
    auto splat = constant ? dyn_cast<SplatElementsAttr>(constant.getValue()) : SplatElementsAttr();
    if (!splat) {
      builder.clone(*op, mapping);
      return;
    }
    auto type = cast<RankedTensorType>(constant.getType());
    Value empty = tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType());
    Value scalar = arith::ConstantOp::create(builder, op->getLoc(), cast<TypedAttr>(splat.getSplatValue<Attribute>()));
    mapping.map(op->getResult(0), linalg::FillOp::create(builder, op->getLoc(), scalar, empty).getResult(0));
  }

  /// Keeps one of the kernels that are equal, as those of a model's layers are.
  const Kernels &findOrAddKernels(Operation *root, ArrayRef<Value> outputs, const Closure &closure) {
    Kernels &known = kernels[structureOf(closure.inputs.getArrayRef(), closure.ops.getArrayRef(), outputs)];
    if (known.first)
      return known;
    func::FuncOp kernel = buildKernel(root, outputs, closure);
    // Pieces that differ may become one kernel: it has fills for splat constants.
    Block &body = kernel.getBody().front();
    SmallVector<Operation *> ops = llvm::map_to_vector(body.without_terminator(), [](Operation &op) { return &op; });
    Kernels &same = built[structureOf(body.getArguments(), ops, body.getTerminator()->getOperands())];
    // By NVVM, the blocks of a GPU share a sum in one kernel.
    bool splits = (tiles || joinRows) && !same.first;
    std::optional<SplitKernel> split = splits && tiles ? splitStripes(kernel) : std::nullopt;
    if (splits && !split)
      split = splitSums(kernel, tiles);
    if (split)
      same = {addKernel(split->parts.release()), addKernel(split->rest.release()), split->inputs, split->whole};
    else if (!same.first)
      same.first = addKernel(kernel);
    if (same.first != kernel)
      kernel.erase();
    return known = same;
  }

  func::FuncOp addKernel(func::FuncOp kernel) {
    OpBuilder builder(&getContext());
    kernel->setAttr("exec.flops", builder.getI64IntegerAttr(countFlops(kernel)));
    kernel->setAttr("exec.bytes", builder.getI64IntegerAttr(countBytes(kernel)));
    kernel.setSymName(("kernel_" + Twine(nextKernel++)).str());
    symbols->insert(kernel);
    ++numKernels;
    return kernel;
  }

  void eraseDead(func::FuncOp function) {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>() &&
          !isa_and_nonnull<exec::ExecDialect>(op.getDialect()) && isMemoryEffectFree(&op))
        op.erase();
  }

  std::optional<SymbolTable> symbols;
  /// Kernels by the structure of the pieces that they were made from, and by their own.
  llvm::StringMap<Kernels> kernels, built;
  unsigned nextKernel = 0;
  /// How often kernels on tiles compute what they have to, by their pieces; and those that are split into stripes.
  llvm::StringMap<double> tiled, striped;
};

} // namespace

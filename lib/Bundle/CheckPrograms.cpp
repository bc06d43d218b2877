#include "CheckPrograms.h"

#include "Tables.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace raddle {
namespace {

/// Bytes that the runtime and the format can hold in one piece, and counts of the format's 32 bits.
constexpr int64_t kMostBytes = FLATBUFFERS_MAX_BUFFER_SIZE;
constexpr int64_t kMostRanks = std::numeric_limits<uint32_t>::max();

class ProgramChecker {
public:
  explicit ProgramChecker(ModuleOp module) : module(module) {}

  LogicalResult run() {
    auto ranks = module->getAttrOfType<IntegerAttr>("ragged.ranks");
    if (ranks && (ranks.getInt() < 1 || ranks.getInt() > kMostRanks))
      fail(module) << "expects 'ragged.ranks' to be a number of ranks, is " << ranks;
    for (auto bucket : module.getOps<ragged::BucketOp>())
      checkBucket(bucket);
    for (auto program : module.getOps<exec::ProgramOp>())
      checkProgram(program);
    checkConstants();
    return failure(failed);
  }

private:
  InFlightDiagnostic fail(Operation *op) {
    failed = true;
    return op->emitError();
  }

  /// What 'nn.source', 'nn.init' and 'nn.aliases' say; `element` is the parameter's.
  void checkAttributes(Operation *op, StringRef name, DictionaryAttr attributes, int64_t rank) {
    for (StringRef key : {"nn.source", "nn.init"})
      if (Attribute value = attributes.get(key); value && !isa<DictionaryAttr>(value))
        fail(op) << "'" << name << "': expects '" << key << "' to be a dictionary, is " << value;
    if (Attribute aliases = attributes.get("nn.aliases"))
      if (!isa<ArrayAttr>(aliases) || !llvm::all_of(cast<ArrayAttr>(aliases), llvm::IsaPred<StringAttr>))
        fail(op) << "'" << name << "': expects 'nn.aliases' to be strings, is " << aliases;
    auto source = attributes.getAs<DictionaryAttr>("nn.source");
    if (!source)
      return;
    auto strides = source.getAs<DenseI64ArrayAttr>("strides");
    auto offset = source.getAs<IntegerAttr>("offset");
    auto stored = source.getAs<TypeAttr>("dtype");
    if (!source.getAs<StringAttr>("entry") || !strides || int64_t(strides.size()) != rank || !offset ||
        !offset.getType().isSignlessInteger(64) || (stored && !dtypeOf(stored.getValue())))
      fail(op) << "'" << name << "': expects 'nn.source' to have 'entry', 'offset' and " << rank << " 'strides', is "
               << source;
  }

  void checkBucket(ragged::BucketOp bucket) {
    if (!dtypeOf(bucket.getElementType()))
      fail(bucket) << "has the element type " << bucket.getElementType() << ", which a bundle cannot hold";
    if (ArrayAttr parameters = bucket.getParametersAttr())
      for (auto [slot, attributes] :
           llvm::zip(bucket.getSlots().getAsRange<ragged::SlotAttr>(), parameters.getAsRange<DictionaryAttr>()))
        checkAttributes(bucket, slot.getName(), attributes, slot.getShape().size());
    states.insert(StringAttr::get(module.getContext(), bucket.getSymName() + ".param"));
  }

  /// A table of a program: dictionaries with the type of an array.
  void checkTable(exec::ProgramOp program, StringRef table, ArrayAttr entries) {
    for (Attribute attribute : entries) {
      auto entry = dyn_cast<DictionaryAttr>(attribute);
      auto type = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
      if (!type || !isStorable(type.getValue()) || !dtypeOf(cast<RankedTensorType>(type.getValue()).getElementType())) {
        fail(program) << "expects " << table << " with the 'type' of a tensor that a bundle can hold, is " << attribute;
        continue;
      }
      auto tensor = cast<RankedTensorType>(type.getValue());
      if (entry.contains("nn.batched") && tensor.getRank() == 0)
        fail(program) << "expects 'nn.batched' in " << table << " on tensors of at least one dimension, is " << entry;
      if (table == "states")
        checkState(program, entry, tensor);
    }
  }

  /// A slice of a bucket, or a buffer of the model.
  void checkState(exec::ProgramOp program, DictionaryAttr entry, RankedTensorType type) {
    if (auto name = entry.getAs<StringAttr>("ragged.state")) {
      auto symbol = entry.getAs<FlatSymbolRefAttr>("ragged.bucket");
      auto bucket = symbol ? module.lookupSymbol<ragged::BucketOp>(symbol) : ragged::BucketOp();
      if (!bucket || (!states.contains(name) && !entry.getAs<StringAttr>("ragged.role")))
        fail(program) << "expects state " << name << " to name its 'ragged.bucket' and 'ragged.role', is " << entry;
      return;
    }
    auto buffer = entry.getAs<StringAttr>("nn.buffer");
    if (!buffer) {
      fail(program) << "expects states with 'ragged.state' or 'nn.buffer', is " << entry;
      return;
    }
    checkAttributes(program, buffer.getValue(), entry, type.getRank());
  }

  void checkAllocations(exec::ProgramOp program) {
    for (Attribute attribute : program.getAllocations()) {
      auto entry = dyn_cast<DictionaryAttr>(attribute);
      auto isNumber = [&](StringRef key) {
        auto number = entry.getAs<IntegerAttr>(key);
        return number && number.getType().isSignlessInteger(64) && number.getInt() >= 0;
      };
      if (!entry || !llvm::all_of(ArrayRef<StringRef>{"offset", "bytes", "first", "last"}, isNumber))
        fail(program) << "expects allocations with 'offset', 'bytes', 'first' and 'last', is " << attribute;
    }
  }

  void checkProgram(exec::ProgramOp program) {
    for (auto [table, entries] : {std::pair<StringRef, ArrayAttr>{"inputs", program.getInputs()},
                                  {"outputs", program.getOutputs()},
                                  {"states", program.getStates()}})
      checkTable(program, table, entries);
    checkAllocations(program);
    for (int64_t count : {program.getArena(), program.getStreams(), program.getEvents()})
      if (count < 0)
        fail(program) << "expects arena, streams and events not to be negative, has " << count;
    for (Operation *op : program.getInstructions()) {
      if (!isa<exec::DispatchOp, exec::GemmOp, exec::AttentionOp, exec::CollectiveOp, exec::CopyOp, exec::ZeroOp,
               exec::CheckIndexOp, exec::RecordOp, exec::WaitOp>(op))
        fail(op) << "'" << op->getName() << "' is no instruction of a program";
      for (Value operand : op->getOperands())
        if (!operand.getDefiningOp<exec::BufferOp>())
          fail(op) << "'" << op->getName() << "' expects buffers of the program as operands";
      if (auto dispatch = dyn_cast<exec::DispatchOp>(op))
        if (!module.lookupSymbol<LLVM::LLVMFuncOp>(dispatch.getKernelAttr()))
          fail(op) << "expects code, " << dispatch.getKernelAttr() << " is none: expects the result of 'generate'";
      if (auto check = op->getAttrOfType<FlatSymbolRefAttr>("exec.check_kernel"))
        if (!module.lookupSymbol<LLVM::LLVMFuncOp>(check))
          fail(op) << "expects code, " << check << " is none: expects the result of 'generate'";
    }
  }

  void checkConstants() {
    int64_t total = 0;
    for (auto constant : module.getOps<exec::ConstantOp>()) {
      std::optional<int64_t> bytes = arrayBytes(constant.getValue().getShapedType());
      if (!bytes || llvm::AddOverflow(total, *bytes, total) || total > kMostBytes) {
        fail(constant) << "expects constants of fewer than 2^31 bytes together";
        return;
      }
      auto resource = dyn_cast<DenseResourceElementsAttr>(constant.getValue());
      AsmResourceBlob *blob = resource ? resource.getRawHandle().getBlob() : nullptr;
      if (resource && (!blob || int64_t(blob->getData().size()) != *bytes))
        fail(constant) << "expects " << *bytes << " bytes of resource '" << resource.getRawHandle().getKey()
                       << "', has " << (blob ? blob->getData().size() : 0);
    }
  }

  ModuleOp module;
  bool failed = false;
  llvm::DenseSet<StringAttr> states;
};

} // namespace

LogicalResult checkPrograms(ModuleOp module) { return ProgramChecker(module).run(); }

} // namespace raddle

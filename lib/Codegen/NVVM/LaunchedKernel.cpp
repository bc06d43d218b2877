#include "LaunchedKernel.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace raddle {

/// Threads of a block whose threads have nothing to do with each other.
static constexpr int64_t kBlock = 256;

LLVM::LLVMFuncOp createKernel(OpBuilder &builder, Location loc, StringRef name, int64_t pointers,
                              const Launch &launch) {
  MLIRContext *context = builder.getContext();
  int64_t trailing = launch.scratchBytes != 0;
  SmallVector<Type> arguments(pointers + trailing, LLVM::LLVMPointerType::get(context));
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), arguments);
  auto kernel = LLVM::LLVMFuncOp::create(builder, loc, name, type);
  kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  kernel->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                  builder.getDenseI32ArrayAttr({static_cast<int32_t>(launch.threads)}));
  kernel->setAttr("exec.kernel", builder.getUnitAttr());
  kernel->setAttr("exec.args", builder.getI64IntegerAttr(pointers));
  kernel->setAttr("exec.range", builder.getI64IntegerAttr(1));
  kernel->setAttr("exec.blocks", builder.getI64IntegerAttr(launch.blocks));
  kernel->setAttr("exec.threads", builder.getI64IntegerAttr(launch.threads));
  if (trailing)
    kernel->setAttr("exec.scratch", builder.getI64IntegerAttr(launch.scratchBytes));
  builder.setInsertionPointToStart(kernel.addEntryBlock(builder));
  return kernel;
}

Value threadNumber(OpBuilder &builder, Location loc) {
  Value number = NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
  return LLVM::ZExtOp::create(builder, loc, builder.getI64Type(), number);
}

Value blockNumber(OpBuilder &builder, Location loc) {
  Value number = NVVM::BlockIdXOp::create(builder, loc, builder.getI32Type());
  return LLVM::ZExtOp::create(builder, loc, builder.getI64Type(), number);
}

void continueBelow(OpBuilder &builder, Location loc, Value number, int64_t limit) {
  Block *before = builder.getBlock();
  Region *region = before->getParent();
  Block *work = builder.createBlock(region, region->end());
  Block *end = builder.createBlock(region, region->end());
  LLVM::ReturnOp::create(builder, loc, ValueRange{});
  builder.setInsertionPointToEnd(before);
  Value bound = LLVM::ConstantOp::create(builder, loc, number.getType(), limit);
  Value isBelow = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ult, number, bound);
  LLVM::CondBrOp::create(builder, loc, isBelow, work, end);
  builder.setInsertionPointToEnd(work);
}

/// Whether an index is refused: outside of [lowest, size) and not the one that means "none".
static Value isRefused(OpBuilder &builder, exec::CheckIndexOp check, Value index) {
  Location loc = check.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, index.getType(), value);
  };
  auto compare = [&](LLVM::ICmpPredicate predicate, int64_t value) -> Value {
    return LLVM::ICmpOp::create(builder, loc, predicate, index, constant(value));
  };
  Value refused = LLVM::OrOp::create(builder, loc, compare(LLVM::ICmpPredicate::slt, check.getLowest()),
                                     compare(LLVM::ICmpPredicate::sge, check.getSize()));
  if (std::optional<uint64_t> ignored = check.getIgnore())
    refused =
        LLVM::AndOp::create(builder, loc, refused, compare(LLVM::ICmpPredicate::ne, static_cast<int64_t>(*ignored)));
  return refused;
}

/// The body of the kernel for one position.
static void writeCheck(OpBuilder &builder, exec::CheckIndexOp check, LLVM::LLVMFuncOp kernel, Value position) {
  Location loc = check.getLoc();
  Type element = cast<ShapedType>(check.getIndices().getType()).getElementType(), i64 = builder.getI64Type();
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type stored =
      element.isInteger(1) ? builder.getI8Type() : Type(builder.getIntegerType(element.getIntOrFloatBitWidth()));
  Value address =
      LLVM::GEPOp::create(builder, loc, pointer, stored, kernel.getArgument(0), ArrayRef<LLVM::GEPArg>{position});
  Value index = LLVM::LoadOp::create(builder, loc, stored, address);
  bool isUnsigned = element.isInteger(1) || element.isUnsignedInteger();
  if (stored != i64)
    index = isUnsigned ? LLVM::ZExtOp::create(builder, loc, i64, index).getResult()
                       : LLVM::SExtOp::create(builder, loc, i64, index).getResult();
  Value refused = isRefused(builder, check, index);
  Block *here = builder.getBlock();
  Block *report = builder.createBlock(here->getParent(), here->getParent()->end());
  Block *end = builder.createBlock(here->getParent(), here->getParent()->end());
  LLVM::ReturnOp::create(builder, loc, ValueRange{});
  builder.setInsertionPointToEnd(here);
  LLVM::CondBrOp::create(builder, loc, refused, report, end);
  builder.setInsertionPointToEnd(report);
  auto constant = [&](int64_t value) -> Value { return LLVM::ConstantOp::create(builder, loc, i64, value); };
  Value low = LLVM::SMaxOp::create(builder, loc, index, constant(std::numeric_limits<int32_t>::min()));
  low = LLVM::SMinOp::create(builder, loc, low, constant(std::numeric_limits<int32_t>::max()));
  low = LLVM::AndOp::create(builder, loc, low, constant(std::numeric_limits<uint32_t>::max()));
  Value high = LLVM::ShlOp::create(builder, loc, position, constant(32));
  Value found = LLVM::OrOp::create(builder, loc, high, low);
  LLVM::AtomicRMWOp::create(builder, loc, LLVM::AtomicBinOp::umin, kernel.getArgument(1), found,
                            LLVM::AtomicOrdering::monotonic);
  LLVM::BrOp::create(builder, loc, end);
}

void addCheckKernels(ModuleOp module) {
  SmallVector<exec::CheckIndexOp> checks;
  module.walk([&](exec::CheckIndexOp check) {
    auto buffer = check.getIndices().getDefiningOp<exec::BufferOp>();
    // What a caller hands over is looked at by the host.
    if (!buffer || buffer.getSpace() != exec::Space::Input || buffer.getOffset() != 0)
      checks.push_back(check);
  });
  for (auto [number, check] : llvm::enumerate(checks)) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    std::string name = ("check_" + Twine(number)).str();
    while (module.lookupSymbol(name))
      name += '_';
    int64_t count = cast<ShapedType>(check.getIndices().getType()).getNumElements();
    Launch launch{std::max<int64_t>(1, llvm::divideCeil(count, kBlock)), kBlock};
    LLVM::LLVMFuncOp kernel = createKernel(builder, check.getLoc(), name, 2, launch);
    Value block = blockNumber(builder, check.getLoc()), thread = threadNumber(builder, check.getLoc());
    Value threads = LLVM::ConstantOp::create(builder, check.getLoc(), block.getType(), kBlock);
    Value position = LLVM::AddOp::create(builder, check.getLoc(),
                                         LLVM::MulOp::create(builder, check.getLoc(), block, threads), thread);
    continueBelow(builder, check.getLoc(), position, count);
    writeCheck(builder, check, kernel, position);
    check->setAttr("exec.check_kernel", FlatSymbolRefAttr::get(kernel.getSymNameAttr()));
  }
}

} // namespace raddle

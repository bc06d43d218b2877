#include "CodeTables.h"

#include "raddle/Codegen/CPU/ObjectCode.h"
#include "raddle/Codegen/NVVM/DeviceCode.h"

using namespace mlir;

namespace raddle {

LogicalResult CodeTables::write() {
  if (auto device = module->getAttrOfType<StringAttr>("exec.target")) {
    target = device.getValue().str();
    FailureOr<DeviceCode> made = compileForDevice(module, device.getValue().split(':').second);
    if (failed(made))
      return failure();
    addCode(made->assembled ? bundle::CodeFormat::Cubin : bundle::CodeFormat::Ptx, target, made->bytes);
  } else {
    FailureOr<ObjectCode> made = compileForCpu(module, options.processor, options.optLevel);
    if (failed(made))
      return failure();
    target = made->target;
    addCode(bundle::CodeFormat::ElfShared, target, made->bytes);
  }
  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (function->hasAttr("exec.kernel"))
      writeKernel(function);
  return success();
}

void CodeTables::addCode(bundle::CodeFormat format, const std::string &madeFor, ArrayRef<char> bytes) {
  builder.ForceVectorAlignment(bytes.size(), 1, 64);
  auto data = builder.CreateVector(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
  auto name = builder.CreateString(madeFor);
  code.push_back(bundle::CreateCodeObject(builder, format, name, data));
}

void CodeTables::writeKernel(LLVM::LLVMFuncOp function) {
  // Threads of a warp.
  constexpr int64_t warp = 32;
  auto number = [&](StringRef attribute) -> int64_t {
    auto value = function->getAttrOfType<IntegerAttr>(attribute);
    return value ? value.getInt() : 0;
  };
  uint32_t codeIndex = writeOwnCode(function);
  auto name = builder.CreateString(function.getSymName().str());
  auto own = function->getAttrOfType<StringAttr>("exec.symbol");
  auto symbol = own ? builder.CreateString(own.str()) : name;
  Offset<flatbuffers::Vector<uint32_t>> grid;
  if (int64_t blocks = number("exec.blocks"))
    grid = builder.CreateVector(std::vector<uint32_t>{static_cast<uint32_t>(blocks)});
  bundle::KernelBuilder kernel(builder);
  kernel.add_grid(grid);
  kernel.add_num_warps(number("exec.threads") / warp);
  kernel.add_num_ctas(grid.IsNull() ? 0 : 1);
  kernel.add_code(codeIndex);
  kernel.add_shared_bytes(number("exec.shared"));
  kernel.add_trailing_pointers(number("exec.scratch") ? 1 : number("exec.trailing"));
  kernel.add_global_scratch_bytes(number("exec.scratch"));
  kernel.add_name(name);
  kernel.add_symbol(symbol);
  kernel.add_num_args(number("exec.args"));
  kernel.add_range(number("exec.range"));
  kernel.add_flops(number("exec.flops"));
  kernel.add_bytes(number("exec.bytes"));
  kernelIndices[function.getSymName()] = kernels.size();
  kernels.push_back(kernel.Finish());
}

/// The code object of a kernel: its own where it comes with one, once for those that share it, else that of the module.
uint32_t CodeTables::writeOwnCode(LLVM::LLVMFuncOp kernel) {
  auto cubin = kernel->getAttrOfType<StringAttr>("exec.cubin");
  if (!cubin)
    return 0;
  auto [index, isNew] = ownCode.try_emplace(cubin, code.size());
  if (isNew)
    addCode(bundle::CodeFormat::Cubin, target + ":triton", {cubin.getValue().data(), cubin.getValue().size()});
  return index->second;
}

} // namespace raddle

#include "raddle/Codegen/NVVM/DeviceCode.h"

#include "raddle/Codegen/Optimise.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;

namespace raddle {
namespace {

/// The folders in which a CUDA toolkit may be, in the order of preference.
SmallVector<std::string> toolkitFolders() {
  SmallVector<std::string> folders;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> folder = llvm::sys::Process::GetEnv(variable))
      folders.push_back(*folder);
  folders.push_back("/usr/local/cuda");
  folders.push_back("/usr/lib/nvidia-cuda-toolkit");
  return folders;
}

std::unique_ptr<llvm::TargetMachine> createDeviceMachine(StringRef arch, std::string &why) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, why);
  if (!target)
    return nullptr;
  // The PTX of CUDA 12.3, which every driver for CUDA 13 reads.
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, arch, "+ptx83", llvm::TargetOptions(), std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

SmallVector<StringRef> undefinedFunctions(const llvm::Module &module) {
  SmallVector<StringRef> names;
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty())
      names.push_back(function.getName());
  return names;
}

/// Adds what the code calls of CUDA's libdevice.
LogicalResult linkDeviceLibrary(llvm::Module &module, std::string &why) {
  SmallVector<StringRef> needed = undefinedFunctions(module);
  if (needed.empty())
    return success();
  std::string list = llvm::join(needed, ", "), tried;
  for (const std::string &folder : toolkitFolders()) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, "nvvm", "libdevice", "libdevice.10.bc");
    if (!llvm::sys::fs::exists(path)) {
      tried += (tried.empty() ? "" : ", ") + path.str().str();
      continue;
    }
    llvm::SMDiagnostic problem;
    std::unique_ptr<llvm::Module> library = llvm::parseIRFile(path, problem, module.getContext());
    if (!library) {
      why = ("cannot read '" + path + "': " + problem.getMessage()).str();
      return failure();
    }
    library->setTargetTriple(module.getTargetTriple());
    library->setDataLayout(module.getDataLayout());
    bool failed = llvm::Linker::linkModules(module, std::move(library), llvm::Linker::LinkOnlyNeeded,
                                            [](llvm::Module &linked, const llvm::StringSet<> &names) {
                                              llvm::internalizeModule(linked, [&](const llvm::GlobalValue &value) {
                                                return !value.hasName() || !names.contains(value.getName());
                                              });
                                            });
    SmallVector<StringRef> missing = undefinedFunctions(module);
    llvm::erase_if(missing, [](StringRef name) { return name == "__nvvm_reflect"; });
    if (!failed && missing.empty())
      return success();
    why = "'" + path.str().str() + "' lacks " + llvm::join(missing, ", ");
    return failure();
  }
  why = "kernels call " + list + " of CUDA's libdevice, which is not installed: looked for " + tried +
        "; CUDA_HOME names the folder of a toolkit";
  return failure();
}

/// Turns PTX into a cubin. Nothing where no assembler is installed.
FailureOr<std::optional<SmallVector<char>>> assemble(StringRef ptx, StringRef arch, std::string &why) {
  llvm::ErrorOr<std::string> assembler = llvm::sys::findProgramByName("ptxas");
  for (const std::string &folder : toolkitFolders())
    if (!assembler)
      assembler = llvm::sys::findProgramByName("ptxas", {folder + "/bin"});
  if (!assembler)
    return std::optional<SmallVector<char>>();
  SmallString<128> source, object, log;
  if (llvm::sys::fs::createTemporaryFile("raddle-kernels", "ptx", source) ||
      llvm::sys::fs::createTemporaryFile("raddle-kernels", "cubin", object) ||
      llvm::sys::fs::createTemporaryFile("raddle-kernels", "log", log)) {
    why = "cannot create a temporary file";
    return failure();
  }
  llvm::FileRemover removeSource(source), removeObject(object), removeLog(log);
  std::error_code error;
  llvm::raw_fd_ostream stream(source, error);
  stream << ptx;
  stream.close();
  if (error || stream.has_error()) {
    why = ("cannot write '" + source + "'").str();
    return failure();
  }
  std::string option = ("-arch=" + arch).str();
  SmallVector<StringRef> arguments{*assembler, option, "-O3", source, "-o", object};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(log), StringRef(log)};
  if (llvm::sys::ExecuteAndWait(*assembler, arguments, std::nullopt, redirects, 0, 0, &why) != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(log))
      why = ("ptxas failed: " + (*text)->getBuffer().split('\n').first).str();
    return failure();
  }
  auto bytes = llvm::MemoryBuffer::getFile(object);
  if (!bytes) {
    why = "cannot read assembled code: " + bytes.getError().message();
    return failure();
  }
  return std::optional<SmallVector<char>>(SmallVector<char>((*bytes)->getBufferStart(), (*bytes)->getBufferEnd()));
}

} // namespace

FailureOr<DeviceCode> compileForDevice(ModuleOp module, StringRef arch) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateCode(module, context);
  if (!translated)
    return failure();
  std::string why;
  std::unique_ptr<llvm::TargetMachine> machine = createDeviceMachine(arch, why);
  if (!machine)
    return module.emitError("no code generator for NVIDIA's GPUs: ") << why, failure();
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  if (failed(linkDeviceLibrary(*translated, why)))
    return module.emitError("cannot make code: ") << why, failure();
  // Small numbers stay what they are.
  translated->addModuleFlag(llvm::Module::Override, "nvvm-reflect-ftz", uint32_t(0));
  optimise(*translated, *machine);
  DeviceCode result;
  llvm::SmallString<0> ptx;
  llvm::raw_svector_ostream stream(ptx);
  if (failed(emitCode(*translated, *machine, llvm::CodeGenFileType::AssemblyFile, stream, why)))
    return module.emitError("cannot make code: ") << why, failure();
  auto assembled = assemble(ptx, arch, why);
  if (failed(assembled))
    return module.emitError("cannot make code: ") << why, failure();
  result.assembled = assembled->has_value();
  if (result.assembled) {
    result.bytes = std::move(**assembled);
  } else {
    result.bytes.append(ptx.begin(), ptx.end());
    result.bytes.push_back('\0');
  }
  return result;
}

} // namespace raddle

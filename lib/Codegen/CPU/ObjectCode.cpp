#include "raddle/Codegen/CPU/ObjectCode.h"

#include "Prefetch.h"
#include "raddle/Codegen/Optimise.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;

namespace raddle {
namespace {

#if defined(__x86_64__)
constexpr StringRef kProcessors[] = {"native", "x86-64-v2", "x86-64-v3", "x86-64-v4"};

/// The highest level that this machine's processor has: code for it runs on all of that level, and the runtime can tell
/// which those are.
StringRef hostLevel() {
  if (__builtin_cpu_supports("x86-64-v4"))
    return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3"))
    return "x86-64-v3";
  return __builtin_cpu_supports("x86-64-v2") ? "x86-64-v2" : "x86-64";
}
#else
constexpr StringRef kProcessors[] = {"native"};
StringRef hostLevel() { return llvm::sys::getHostCPUName(); }
#endif

std::unique_ptr<llvm::TargetMachine> createMachine(StringRef processor, unsigned level, std::string &why) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, why);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, processor == "native" ? hostLevel() : processor, /*Features=*/"", llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, static_cast<llvm::CodeGenOptLevel>(level)));
}

LogicalResult writeObject(llvm::Module &module, llvm::TargetMachine &machine, StringRef path, std::string &why) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (error) {
    why = "cannot write an object file: " + error.message();
    return failure();
  }
  return emitCode(module, machine, llvm::CodeGenFileType::ObjectFile, stream, why);
}

LogicalResult link(StringRef object, StringRef library, std::string &why) {
  llvm::ErrorOr<std::string> linker = llvm::sys::findProgramByName("ld.lld-22");
  if (!linker)
    linker = llvm::sys::findProgramByName("ld.lld");
  if (!linker) {
    why = "the linker ld.lld is not in PATH";
    return failure();
  }
  // Relative relocations stay small and nothing is looked up by name twice; the code's few outside names are libm's.
  SmallVector<StringRef> arguments{
      *linker, "-shared", "--gc-sections", "--hash-style=gnu", "-z", "now", "--build-id=none", "-o", library, object};
  if (llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt, {}, 0, 0, &why) == 0)
    return success();
  if (why.empty())
    why = "the linker failed";
  return failure();
}

} // namespace

ArrayRef<StringRef> knownProcessors() { return kProcessors; }

FailureOr<ObjectCode> compileForCpu(ModuleOp module, StringRef processor, unsigned level) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateCode(module, context);
  if (!translated)
    return failure();

  std::string why;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(processor, level, why);
  if (!machine)
    return module.emitError("no code generator for this machine: ") << why, failure();
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  for (llvm::Function &function : *translated) {
    function.addFnAttr("target-cpu", machine->getTargetCPU());
    if (processor == "native")
      function.addFnAttr("tune-cpu", llvm::sys::getHostCPUName());
    // Kernels are long loops over memory: the widest registers pay, whatever a model's tables say of short ones.
    function.addFnAttr("prefer-vector-width", "512");
    // Reciprocals are allowed where they replace many divisions, estimates of them nowhere.
    function.addFnAttr("reciprocal-estimates", "none");
  }
  optimise(*translated, *machine, [](llvm::PassBuilder &builder) {
    builder.registerOptimizerLastEPCallback([](llvm::ModulePassManager &manager, auto, auto) {
      manager.addPass(llvm::createModuleToFunctionPassAdaptor(PrefetchRowsPass()));
    });
  });

  SmallString<128> object, library;
  if (llvm::sys::fs::createTemporaryFile("raddle-kernels", "o", object) ||
      llvm::sys::fs::createTemporaryFile("raddle-kernels", "so", library))
    return module.emitError("cannot create a temporary file"), failure();
  llvm::FileRemover removeObject(object), removeLibrary(library);
  if (failed(writeObject(*translated, *machine, object, why)) || failed(link(object, library, why)))
    return module.emitError("cannot make code: ") << why, failure();
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> bytes = llvm::MemoryBuffer::getFile(library);
  if (!bytes)
    return module.emitError("cannot read linked code: ") << bytes.getError().message(), failure();
  ObjectCode result;
  result.target = ("cpu:" + machine->getTargetTriple().str() + ":" + machine->getTargetCPU()).str();
  result.bytes.append((*bytes)->getBufferStart(), (*bytes)->getBufferEnd());
  return result;
}

} // namespace raddle

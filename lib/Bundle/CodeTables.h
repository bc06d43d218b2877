// Code objects and kernels of a bundle.
#ifndef RADDLE_LIB_BUNDLE_CODETABLES_H
#define RADDLE_LIB_BUNDLE_CODETABLES_H

#include "Tables.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "raddle/Bundle/WriteBundle.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {

class CodeTables {
public:
  CodeTables(flatbuffers::FlatBufferBuilder &builder, mlir::ModuleOp module, const BundleOptions &options)
      : builder(builder), module(module), options(options) {}

  /// Makes code for the target that kernels were generated for: a GPU where the module names it, else this machine.
  llvm::LogicalResult write();

  std::string target; // "cpu:…" or "cuda:sm_90"
  Offsets<bundle::CodeObject> code;
  Offsets<bundle::Kernel> kernels;
  llvm::StringMap<uint32_t> kernelIndices;
  llvm::DenseMap<mlir::Attribute, uint32_t> ownCode; ///< where code that kernels come with is

private:
  void addCode(bundle::CodeFormat format, const std::string &madeFor, llvm::ArrayRef<char> bytes);
  void writeKernel(mlir::LLVM::LLVMFuncOp function);
  uint32_t writeOwnCode(mlir::LLVM::LLVMFuncOp kernel);

  flatbuffers::FlatBufferBuilder &builder;
  mlir::ModuleOp module;
  const BundleOptions &options;
};

} // namespace raddle

#endif // RADDLE_LIB_BUNDLE_CODETABLES_H

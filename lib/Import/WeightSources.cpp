#include "WeightSources.h"

#include "Arguments.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace raddle::import {

LogicalResult verifyWeightSources(ModuleOp module, const Archive &archive, StringRef path) {
  bool valid = true;
  llvm::StringSet<> checked;
  for (auto function : module.getOps<func::FuncOp>()) {
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      auto source = function.getArgAttrOfType<DictionaryAttr>(index, "nn.source");
      auto type = dyn_cast<RankedTensorType>(function.getArgumentTypes()[index]);
      if (!source || !type)
        continue;
      auto entry = source.getAs<StringAttr>("entry");
      auto offset = source.getAs<IntegerAttr>("offset");
      auto strides = source.getAs<DenseI64ArrayAttr>("strides");
      std::optional<uint64_t> needed, size;
      if (entry && offset && strides && type.hasStaticShape()) {
        needed =
            requiredBytes(type.getShape(), strides.asArrayRef(), offset.getInt(), storageBytes(type.getElementType()));
        size = archive.sizeOf(entry.getValue());
      }
      if (needed && size && *needed <= *size) {
        // The runtime reads parts of entries, which have no checksum of their own.
        if (!checked.insert(entry.getValue()).second)
          continue;
        if (llvm::Error damage = archive.check(entry.getValue())) {
          valid = false;
          emitError(module.getLoc()) << llvm::toString(std::move(damage));
        }
        continue;
      }
      valid = false;
      InFlightDiagnostic error = emitError(function.getLoc()) << "argument " << index << ": source " << source;
      if (!needed)
        error << " does not describe a part of an entry";
      else if (!size)
        error << " names no entry of '" << path << "'";
      else
        error << " needs " << *needed << " bytes, the entry has " << *size;
    }
  }
  return success(valid);
}

} // namespace raddle::import

#include "raddle/Dialect/NN/IR/NNOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#include "raddle/Dialect/NN/IR/NNDialect.cpp.inc"
#include "raddle/Dialect/NN/IR/NNEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/NN/IR/NNAttrs.cpp.inc"

using namespace mlir;
using namespace raddle::nn;

void NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "raddle/Dialect/NN/IR/NNAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "raddle/Dialect/NN/IR/NNOps.cpp.inc"
      >();
}

LogicalResult NNDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == "nn.weights" && !isa<StringAttr>(attribute.getValue()))
    return op->emitError("attribute 'nn.weights' must be a string, is ") << attribute.getValue();
  if (name == "nn.batch" && !isa<IntegerAttr>(attribute.getValue()))
    return op->emitError("attribute 'nn.batch' must be an integer, is ") << attribute.getValue();
  return success();
}

LogicalResult NNDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned argIndex,
                                                  NamedAttribute attribute) {
  StringRef name = attribute.getName();
  Attribute value = attribute.getValue();
  auto fail = [&](StringRef expected) {
    return op->emitError("argument ") << argIndex << ": attribute '" << name << "' must be " << expected << ", is "
                                      << value;
  };
  if (name == "nn.param" || name == "nn.buffer" || name == "nn.input" || name == "nn.state")
    return isa<StringAttr>(value) ? success() : fail("a string");
  if (name == "nn.frozen" || name == "nn.batched" || name == "nn.transient" || name == "nn.unsigned" ||
      name == "nn.complex")
    return isa<UnitAttr>(value) ? success() : fail("a unit attribute");
  if (name == "nn.aliases") {
    auto names = dyn_cast<ArrayAttr>(value);
    return names && llvm::all_of(names, llvm::IsaPred<StringAttr>) ? success() : fail("an array of strings");
  }
  if (name == "nn.source" || name == "nn.init")
    return isa<DictionaryAttr>(value) ? success() : fail("a dictionary");
  if (name == "nn.role") {
    auto role = dyn_cast<StringAttr>(value);
    return role && (role == "lr" || role == "step") ? success() : fail("\"lr\" or \"step\"");
  }
  return op->emitError("argument ") << argIndex << ": unknown attribute '" << name << "'";
}

LogicalResult NNDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned resultIndex,
                                                     NamedAttribute attribute) {
  StringRef name = attribute.getName();
  bool isName = name == "nn.output" || name == "nn.updates";
  if (isName ? isa<StringAttr>(attribute.getValue())
             : name == "nn.batched" || name == "nn.unsigned" || name == "nn.complex")
    return success();
  return op->emitError("result ") << resultIndex << ": "
                                  << (isName ? "expects a string as attribute '" : "unknown attribute '") << name
                                  << "'";
}

#define GET_OP_CLASSES
#include "raddle/Dialect/NN/IR/NNOps.cpp.inc"

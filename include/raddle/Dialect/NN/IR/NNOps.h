#ifndef RADDLE_DIALECT_NN_IR_NNOPS_H
#define RADDLE_DIALECT_NN_IR_NNOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Dialect/NN/IR/Windows.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"

#include "raddle/Dialect/NN/IR/NNDialect.h.inc"
#include "raddle/Dialect/NN/IR/NNEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/NN/IR/NNAttrs.h.inc"
#define GET_OP_CLASSES
#include "raddle/Dialect/NN/IR/NNOps.h.inc"

#endif // RADDLE_DIALECT_NN_IR_NNOPS_H

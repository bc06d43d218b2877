#ifndef RADDLE_DIALECT_MOE_IR_MOEOPS_H
#define RADDLE_DIALECT_MOE_IR_MOEOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"

#include "raddle/Dialect/MoE/IR/MoEDialect.h.inc"
#define GET_OP_CLASSES
#include "raddle/Dialect/MoE/IR/MoEOps.h.inc"

#endif // RADDLE_DIALECT_MOE_IR_MOEOPS_H

#ifndef RADDLE_DIALECT_EXEC_IR_EXECOPS_H
#define RADDLE_DIALECT_EXEC_IR_EXECOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Bundle/Attention.h"
#include "raddle/Interfaces/DifferentiableOpInterface.h"

#include "raddle/Dialect/Exec/IR/ExecDialect.h.inc"
#include "raddle/Dialect/Exec/IR/ExecEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/Exec/IR/ExecAttrs.h.inc"
#define GET_OP_CLASSES
#include "raddle/Dialect/Exec/IR/ExecOps.h.inc"

namespace raddle::exec {

/// How many numbers describe one piece of a transfer: from, to, source, target, count.
constexpr unsigned kPieceNumbers = 5;

} // namespace raddle::exec

#endif // RADDLE_DIALECT_EXEC_IR_EXECOPS_H

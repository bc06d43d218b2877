#ifndef RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_H
#define RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"

#include "raddle/Interfaces/DifferentiableOpInterface.h.inc"

#endif // RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_H

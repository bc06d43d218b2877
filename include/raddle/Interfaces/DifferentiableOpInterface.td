#ifndef RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD
#define RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let description = [{
    An op that knows its own reverse-mode derivative. `linalg` ops need none: the rule of `raddle-grad` differentiates
    their bodies. Ops of upstream dialects (`tensor`) get the interface as an external model.
  }];
  let cppNamespace = "::raddle";
  let methods = [
    InterfaceMethod<[{
        Builds the vector-Jacobian product at the builder's insertion point.

        `resultGrads` has one value a result, null where the result does not reach the differentiated value. The
        implementation fills `operandGrads`, one entry an operand; it leaves null what is not wanted (`wanted[i]` is
        false), what has no gradient (integers) and what is zero. A gradient has its operand's type.
      }],
      "::llvm::LogicalResult", "buildBackward",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGrads,
           "::llvm::ArrayRef<bool>":$wanted,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$operandGrads)>
  ];
}

#endif // RADDLE_INTERFACES_DIFFERENTIABLEOPINTERFACE_TD

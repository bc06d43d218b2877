// Dialects of torch-mlir that are not lowered to upstream ones: refused by the name of the op, wherever text is read.
#include "raddle/Import/ForeignDialects.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace raddle {
namespace {

struct TMTensorNames {
  static constexpr StringLiteral kDialect = "tm_tensor";
};
struct TorchNames {
  static constexpr StringLiteral kDialect = "torch";
};
struct TorchConversionNames {
  static constexpr StringLiteral kDialect = "torch_c";
};

/// The PyTorch operators that torch-mlir lowers to an op of `tm_tensor`.
StringRef originOf(StringRef op) {
  return llvm::StringSwitch<StringRef>(op)
      .Case("tm_tensor.scan", "aten.cumsum, aten.cumprod or aten.logcumsumexp")
      .Case("tm_tensor.scatter", "aten.scatter, aten.index_put, aten.bincount or a gradient of an index")
      .Case("tm_tensor.sort", "aten.sort or aten.argsort")
      .Case("tm_tensor.topk", "aten.topk")
      .Case("tm_tensor.attention", "aten.scaled_dot_product_attention")
      .Default("");
}

ParseResult refuse(OpAsmParser &parser, OperationState &state) {
  StringRef name = state.name.getStringRef();
  // The parser's errors begin with the op's name.
  InFlightDiagnostic error = parser.emitError(parser.getNameLoc()) << "of torch-mlir ";
  if (!name.starts_with(TMTensorNames::kDialect))
    return error << "is not lowered: expected the output type linalg-on-tensors";
  StringRef origin = originOf(name);
  if (!origin.empty())
    error << "comes from " << origin << " and ";
  return error << "is no op of upstream MLIR: export the module as .pt2 instead, where such operators are imported";
}

template <typename Names> class ForeignDialect : public Dialect {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ForeignDialect)

  explicit ForeignDialect(MLIRContext *context)
      : Dialect(getDialectNamespace(), context, TypeID::get<ForeignDialect<Names>>()) {}
  static StringRef getDialectNamespace() { return Names::kDialect; }

  std::optional<ParseOpHook> getParseOperationHook(StringRef) const override { return ParseOpHook(refuse); }

  Type parseType(DialectAsmParser &parser) const override {
    parser.emitError(parser.getNameLoc())
        << "a type of torch-mlir's dialect '" << getNamespace() << "': expected the output type linalg-on-tensors";
    return {};
  }
};

} // namespace

void registerForeignDialects(DialectRegistry &registry) {
  registry.insert<ForeignDialect<TMTensorNames>, ForeignDialect<TorchNames>, ForeignDialect<TorchConversionNames>>();
}

} // namespace raddle

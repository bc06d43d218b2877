#include "NodeBuilder.h"
#include "Operators.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Location.h"
#include "raddle/Dialect/NN/IR/NNOps.h"

using namespace mlir;

namespace raddle::import {

using Kind = Argument::Kind;

llvm::Expected<RankedTensorType> GraphState::declaredType(MLIRContext *context, StringRef tensor) const {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "tensor '" + tensor + "': " + message);
  };
  auto found = program.tensors.find(tensor);
  if (found == program.tensors.end())
    return fail("the file declares no type for it");
  const TensorMeta &meta = found->second;
  Type element = elementTypeOf(context, meta.dtype);
  if (!element)
    return fail("dtype " + dtypeName(meta.dtype) + " is not supported");
  Shape shape;
  int64_t bits = std::max(element.getIntOrFloatBitWidth(), 8u);
  for (const SymbolicInt &size : meta.sizes) {
    llvm::Expected<int64_t> value = symbols.evaluate(size);
    if (!value)
      return fail(llvm::toString(value.takeError()));
    if (*value < 0 || llvm::MulOverflow(bits, std::max<int64_t>(*value, 1), bits))
      return fail("size " + Twine(*value) + " is not possible");
    shape.push_back(*value);
  }
  if (isComplex(meta.dtype)) {
    if (llvm::MulOverflow(bits, int64_t(2), bits))
      return fail("its size is not possible");
    shape.push_back(2);
  }
  return RankedTensorType::get(shape, element);
}

int64_t GraphState::dtypeOf(StringRef tensor) const {
  auto found = program.tensors.find(tensor);
  return found == program.tensors.end() ? 0 : found->second.dtype;
}

Location locationOf(MLIRContext *context, const Node &node) {
  // Lines of a trace: File "PATH", line N, in FUNCTION; outermost first.
  Location location = UnknownLoc::get(context);
  bool outsideTorch = false;
  StringRef rest = node.stackTrace;
  constexpr StringLiteral kFile = "File \"";
  for (size_t at = rest.find(kFile); at != StringRef::npos; at = rest.find(kFile)) {
    rest = rest.drop_front(at + kFile.size());
    StringRef path = rest.take_until([](char c) { return c == '"'; });
    StringRef digits = rest.drop_front(path.size());
    unsigned line;
    if (!digits.consume_front("\", line ") || digits.consumeInteger(10, line))
      continue;
    // Code that torch generates has a name such as <eval_with_key>.1 for a path.
    bool inTorch = path.starts_with("torch/") || path.contains("/torch/") || path.starts_with("<");
    if (inTorch && outsideTorch)
      continue;
    outsideTorch |= !inTorch;
    location = FileLineColLoc::get(context, path, line, /*column=*/0);
  }
  StringRef name = node.name.empty() ? node.target : node.name;
  return NameLoc::get(StringAttr::get(context, name), location);
}

Value NodeBuilder::runtimeInput(StringRef role) {
  if (failed())
    return nullptr;
  auto function = llvm::cast<func::FuncOp>(builder.getInsertionBlock()->getParentOp());
  unsigned count = function.getNumArguments();
  // What was added is last.
  for (unsigned index = count; index-- > 0;) {
    auto known = function.getArgAttrOfType<StringAttr>(index, "nn.role");
    if (!known)
      break;
    if (known == role)
      return function.getArgument(index);
  }
  // No argument of a Python function has a dot in its name.
  DictionaryAttr attributes =
      builder.getDictionaryAttr({builder.getNamedAttr("nn.input", builder.getStringAttr("runtime." + role)),
                                 builder.getNamedAttr("nn.role", builder.getStringAttr(role))});
  // Appending an argument of a new type cannot fail.
  (void)function.insertArgument(count, RankedTensorType::get({}, builder.getI64Type()), attributes, loc);
  return function.getArgument(count);
}

std::optional<int64_t> NodeBuilder::batchDimension() const {
  if (node.outputs.empty() || node.outputs.front().kind != Kind::Tensor)
    return std::nullopt;
  auto found = state.program.tensors.find(node.outputs.front().text);
  return found == state.program.tensors.end() ? std::nullopt : state.batch.dimensionOf(found->second);
}

Type NodeBuilder::declaredElement(size_t result) {
  if (failed())
    return nullptr;
  // Nothing reads a result without a name: any type will do.
  if (result > 0 && (result >= node.outputs.size() || node.outputs[result].kind != Kind::Tensor))
    result = 0;
  if (result >= node.outputs.size() || node.outputs[result].kind != Kind::Tensor)
    return fail("result " + Twine(result) + " of " + node.target + " is no tensor"), nullptr;
  llvm::Expected<RankedTensorType> type = state.declaredType(builder.getContext(), node.outputs[result].text);
  if (!type)
    return fail(llvm::toString(type.takeError())), nullptr;
  return type->getElementType();
}

Value NodeBuilder::detach(Value value) {
  if (failed() || !isa<FloatType>(elementOf(value)))
    return value;
  return nn::DetachOp::create(builder, loc, value.getType(), value);
}

Type NodeBuilder::resultType(ArrayRef<Operand> operands) {
  Type type = promote(operands);
  if (failed() || !isa<FloatType>(type))
    return type;
  bool isOfTensor = llvm::any_of(
      operands, [](const Operand &operand) { return operand.tensor && isa<FloatType>(elementOf(operand.tensor)); });
  return isOfTensor ? type : defaultFloat();
}

Type NodeBuilder::realType(ArrayRef<Operand> operands) {
  Type type = resultType(operands);
  return failed() || isa<FloatType>(type) ? type : defaultFloat();
}

Type NodeBuilder::defaultFloat() {
  Type declared = declaredElement();
  return declared && isa<FloatType>(declared) ? declared : Type(builder.getF32Type());
}

LogicalResult NodeBuilder::results(ArrayRef<Value> values) {
  if (failed())
    return failure();
  SmallVector<StringRef> names;
  for (const Argument &output : node.outputs) {
    if (output.kind == Kind::Tensor)
      names.push_back(output.text);
    for (const Argument &item : output.items)
      names.push_back(item.kind == Kind::Tensor ? item.text : StringRef());
  }
  if (names.size() != values.size())
    return fail(node.target + " has " + Twine(values.size()) + " results, the file says " + Twine(names.size())),
           failure();
  for (auto [name, result] : llvm::zip(names, values)) {
    Value value = result;
    // Results that nothing reads may have no name.
    if (name.empty()) {
      if (view)
        view->results.push_back(nullptr);
      continue;
    }
    llvm::Expected<RankedTensorType> declared = state.declaredType(builder.getContext(), name);
    if (!declared)
      return fail(llvm::toString(declared.takeError())), failure();
    RankedTensorType type = *declared;
    if (view && isComplex(state.dtypeOf(name)))
      type = RankedTensorType::get(type.getShape().drop_back(), type.getElementType());
    if (type != value.getType()) {
      std::string have, want;
      llvm::raw_string_ostream(have) << value.getType();
      llvm::raw_string_ostream(want) << type;
      return fail(node.target + " gives '" + name + "' the type " + have + ", the file says " + want), failure();
    }
    if (view) {
      view->results.push_back(value);
      continue;
    }
    if (isByte(state.dtypeOf(name)))
      value = withinByte(value);
    if (!state.values.try_emplace(name, value).second)
      return fail("tensor '" + name + "' is defined twice"), failure();
  }
  return success();
}

/// Whether the elements are those of other tensors, moved.
static bool isMoved(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op))
    return isa<BlockArgument>(generic.getBody()->getTerminator()->getOperand(cast<OpResult>(value).getResultNumber()));
  return !op || isa<tensor::TensorDialect>(op->getDialect()) || isa<linalg::TransposeOp>(op);
}

/// Arithmetic on bytes is done in 16 bits; the lower 8 are the result.
Value NodeBuilder::withinByte(Value value) {
  if (failed() || isMoved(value))
    return value;
  Type type = elementOf(value);
  constexpr int64_t kMask = 255;
  return mapElements(shapeOf(value), {value}, type, [&](OpBuilder &nested, Location nestedLoc, ValueRange elements) {
    Value mask = scalarConstant(nested, nestedLoc, type, Scalar::ofInt(kMask));
    return arith::AndIOp::create(nested, nestedLoc, elements[0], mask).getResult();
  });
}

//===----------------------------------------------------------------------===//
// Complex tensors
//===----------------------------------------------------------------------===//

NodeBuilder NodeBuilder::viewedBy(PartView &part) {
  NodeBuilder result(state, node, builder);
  result.view = &part;
  return result;
}

Handler NodeBuilder::findHandler() const { return state.operators.find(node.target); }

bool NodeBuilder::isComplexArgument(StringRef name) const {
  const Argument *argument = node.find(name);
  return argument && argument->kind == Kind::Tensor && isComplex(state.dtypeOf(argument->text));
}

SmallVector<bool> NodeBuilder::complexTensors() const {
  SmallVector<bool> result;
  for (const NamedArgument &input : node.inputs) {
    const Argument &value = input.value;
    for (const Argument &item : value.kind == Kind::List ? ArrayRef(value.items) : ArrayRef(value))
      if (item.kind == Kind::Tensor)
        result.push_back(isComplex(state.dtypeOf(item.text)));
  }
  return result;
}

Value NodeBuilder::partOf(Value pairs, bool imaginary) {
  if (failed())
    return nullptr;
  int64_t last = rankOf(pairs) - 1;
  Shape shape(shapeOf(pairs).drop_back());
  return reshape(slice(pairs, last, imaginary, 1), shape);
}

/// The part of a tensor that the view shows. A real one is its own real part, and 0 the other; integers and booleans
/// say where, and are the same for both.
Value NodeBuilder::viewed(StringRef tensor, Value value) {
  bool imaginary = view->imaginary[std::min(view->next++, view->imaginary.size() - 1)];
  if (isComplex(state.dtypeOf(tensor)))
    return partOf(value, imaginary);
  if (imaginary && isa<FloatType>(elementOf(value)))
    return fill(shapeOf(value), elementOf(value), Scalar::ofInt(0));
  return value;
}

} // namespace raddle::import

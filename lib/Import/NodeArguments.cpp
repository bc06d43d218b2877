// How a node's arguments are read: by the names of the operator's schema.
#include "NodeBuilder.h"

using namespace mlir;

namespace raddle::import {

using Kind = Argument::Kind;

bool NodeBuilder::has(StringRef name) const {
  const Argument *argument = node.find(name);
  return argument && argument->kind != Kind::None;
}

Value NodeBuilder::lookup(StringRef tensor) {
  if (failed())
    return nullptr;
  auto found = state.values.find(tensor);
  if (found == state.values.end())
    return fail("node '" + node.name + "' reads tensor '" + tensor + "', which no node before it defines");
  return view ? viewed(tensor, found->second) : found->second;
}

Value NodeBuilder::optionalTensor(StringRef name) {
  if (failed() || !has(name))
    return nullptr;
  const Argument *argument = node.find(name);
  if (argument->kind != Kind::Tensor)
    return fail("argument '" + name + "' of " + node.target + " is no tensor");
  return lookup(argument->text);
}

Value NodeBuilder::tensor(StringRef name) {
  if (!failed() && !has(name))
    return fail(node.target + " has no argument '" + name + "'");
  return optionalTensor(name);
}

SmallVector<Value> NodeBuilder::tensors(StringRef name) {
  SmallVector<Value> result;
  if (failed())
    return result;
  const Argument *argument = node.find(name);
  if (!argument || argument->kind != Kind::List) {
    fail("argument '" + name + "' of " + node.target + " is no list of tensors");
    return result;
  }
  for (const Argument &item : argument->items) {
    if (item.kind != Kind::Tensor && item.kind != Kind::None)
      fail("argument '" + name + "' of " + node.target + " has an item that is no tensor");
    result.push_back(item.kind == Kind::Tensor ? lookup(item.text) : Value());
  }
  return result;
}

Number NodeBuilder::numberOf(const Argument &argument, StringRef name) {
  switch (argument.kind) {
  case Kind::Int:
  case Kind::Bool:
    return Number::ofInteger(argument.integer);
  case Kind::Float:
    return Number::ofReal(argument.real);
  case Kind::SymbolicInt:
  case Kind::SymbolicFloat: {
    auto found = state.program.symbolicValues.find(argument.text);
    if (found == state.program.symbolicValues.end()) {
      fail("symbolic value '" + argument.text + "' has no definition in the file");
      return Number();
    }
    llvm::Expected<Number> number = found->second.isStatic()
                                        ? llvm::Expected<Number>(Number::ofInteger(found->second.value))
                                        : state.symbols.evaluate(found->second.expression);
    if (!number) {
      fail("symbolic value '" + argument.text + "': " + llvm::toString(number.takeError()));
      return Number();
    }
    return *number;
  }
  default:
    fail("argument '" + name + "' of " + node.target + " is no number");
    return Number();
  }
}

bool NodeBuilder::computesInBytes() const {
  auto isBoolean = [&](const Argument &tensor) { return ScalarType(state.dtypeOf(tensor.text)) == ScalarType::Bool; };
  auto isOfBytes = [&](const Argument &tensor) { return isByte(state.dtypeOf(tensor.text)); };
  bool hasBytes = false;
  for (const NamedArgument &input : node.inputs) {
    if (input.value.kind != Kind::Tensor)
      continue;
    hasBytes |= isOfBytes(input.value);
    if (!isOfBytes(input.value) && !isBoolean(input.value))
      return false;
  }
  if (!hasBytes || node.outputs.empty() || node.outputs.front().kind != Kind::Tensor)
    return false;
  return isOfBytes(node.outputs.front()) || isBoolean(node.outputs.front());
}

Scalar NodeBuilder::plainNumber(StringRef name, std::optional<Scalar> absent) {
  if (failed())
    return Scalar();
  if (!has(name)) {
    if (!absent)
      fail(node.target + " has no argument '" + name + "'");
    return absent.value_or(Scalar());
  }
  const Argument *argument = node.find(name);
  if (argument->kind == Kind::Bool)
    return Scalar::ofBool(argument->integer);
  Number number = numberOf(*argument, name);
  return number.isInteger ? Scalar::ofInt(number.integer) : Scalar::ofFloat(number.real);
}

Scalar NodeBuilder::scalar(StringRef name, std::optional<Scalar> absent) {
  Scalar number = plainNumber(name, absent);
  bool wraps = number.kind == Scalar::Kind::Int && !failed() && computesInBytes();
  return wraps ? Scalar::ofInt(number.integer & 0xff) : number;
}

int64_t NodeBuilder::integer(StringRef name, std::optional<int64_t> absent) {
  Scalar value = plainNumber(name, absent ? std::optional(Scalar::ofInt(*absent)) : std::nullopt);
  if (!failed() && value.kind == Scalar::Kind::Float)
    fail("argument '" + name + "' of " + node.target + " is no integer");
  return value.integer;
}

double NodeBuilder::real(StringRef name, std::optional<double> absent) {
  return plainNumber(name, absent ? std::optional(Scalar::ofFloat(*absent)) : std::nullopt).real;
}

bool NodeBuilder::boolean(StringRef name, bool absent) { return integer(name, absent) != 0; }

StringRef NodeBuilder::string(StringRef name, StringRef absent) {
  if (failed() || !has(name))
    return absent;
  const Argument *argument = node.find(name);
  if (argument->kind != Kind::String)
    fail("argument '" + name + "' of " + node.target + " is no string");
  return argument->text;
}

SmallVector<int64_t> NodeBuilder::integers(StringRef name) {
  SmallVector<int64_t> result;
  if (failed() || !has(name))
    return result;
  const Argument *argument = node.find(name);
  // A single number stands for a list of one.
  ArrayRef<Argument> items = argument->kind == Kind::List ? ArrayRef(argument->items) : ArrayRef(*argument);
  for (const Argument &item : items) {
    Number number = numberOf(item, name);
    if (!failed() && !number.isInteger)
      fail("argument '" + name + "' of " + node.target + " has an item that is no integer");
    result.push_back(number.integer);
  }
  return result;
}

Operand NodeBuilder::operand(StringRef name) {
  const Argument *argument = node.find(name);
  if (argument && argument->kind == Kind::Tensor)
    return tensor(name);
  Scalar number = scalar(name);
  if (view && !view->keepsNumbers && view->imaginary.back())
    return Scalar::ofInt(0);
  return number;
}

Type NodeBuilder::dtype(StringRef name, Type absent) {
  if (failed() || !has(name))
    return absent;
  const Argument *argument = node.find(name);
  Type type = argument->kind == Kind::Dtype ? elementTypeOf(builder.getContext(), argument->integer) : Type();
  if (!type)
    fail("dtype " + dtypeName(argument->integer) + " of " + node.target + " is not supported");
  return type;
}

int64_t NodeBuilder::wrapDimension(int64_t dim, int64_t rank) {
  // PyTorch counts a tensor without dimensions as having one.
  int64_t limit = std::max<int64_t>(rank, 1);
  if (dim < -limit || dim >= limit) {
    fail("dimension " + Twine(dim) + " of " + node.target + " is out of range for rank " + Twine(rank));
    return 0;
  }
  return dim < 0 ? dim + limit : dim;
}

int64_t NodeBuilder::dimension(StringRef name, int64_t rank, std::optional<int64_t> absent) {
  int64_t dim = integer(name, absent);
  return failed() ? 0 : wrapDimension(dim, rank);
}

SmallVector<int64_t> NodeBuilder::dimensions(StringRef name, int64_t rank) {
  SmallVector<int64_t> dims = integers(name);
  if (dims.empty())
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  for (int64_t &dim : dims)
    dim = wrapDimension(dim, rank);
  llvm::sort(dims);
  if (std::unique(dims.begin(), dims.end()) != dims.end())
    fail("argument '" + name + "' of " + node.target + " names a dimension twice");
  if (rank == 0)
    dims.clear();
  return dims;
}

bool NodeBuilder::isRowMajor(StringRef name) {
  const Argument *argument = node.find(name);
  auto found = argument ? state.program.tensors.find(argument->text) : state.program.tensors.end();
  if (found == state.program.tensors.end() || found->second.strides.size() != found->second.sizes.size())
    return false;
  int64_t expected = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip_equal(found->second.sizes, found->second.strides))) {
    llvm::Expected<int64_t> extent = state.symbols.evaluate(size), step = state.symbols.evaluate(stride);
    bool fits =
        extent && step && (*extent == 1 || *step == expected) && !llvm::MulOverflow(expected, *extent, expected);
    for (llvm::Expected<int64_t> *value : {&extent, &step})
      llvm::consumeError(value->takeError());
    if (!fits)
      return false;
  }
  return true;
}

} // namespace raddle::import

#include "ComplexOps.h"

using namespace mlir;

namespace raddle::import {

using Kind = Argument::Kind;

bool touchesComplex(const Program &program, const Node &node) {
  auto isComplexTensor = [&](const Argument &argument) {
    if (argument.kind != Kind::Tensor)
      return false;
    auto found = program.tensors.find(argument.text);
    return found != program.tensors.end() && isComplex(found->second.dtype);
  };
  auto touches = [&](const Argument &argument) {
    return isComplexTensor(argument) || argument.kind == Kind::Complex || llvm::any_of(argument.items, isComplexTensor);
  };
  return llvm::any_of(node.outputs, touches) ||
         llvm::any_of(node.inputs, [&](const NamedArgument &input) { return touches(input.value); });
}

ComplexParts splitParts(NodeBuilder &node, StringRef argument) {
  Value value = node.tensor(argument);
  if (node.failed())
    return {};
  if (!node.isComplexArgument(argument))
    return {value, Value()};
  return {node.partOf(value, /*imaginary=*/false), node.partOf(value, /*imaginary=*/true)};
}

Value joinParts(NodeBuilder &node, const ComplexParts &parts) {
  if (node.failed())
    return nullptr;
  int64_t rank = node.rankOf(parts.real);
  Value imaginary = parts.imaginary;
  if (!imaginary)
    imaginary = node.fill(node.shapeOf(parts.real), node.elementOf(parts.real), Scalar::ofInt(0));
  return node.concat({node.insertUnitDim(parts.real, rank), node.insertUnitDim(imaginary, rank)}, rank);
}

/// Both parts of every result as the node's results.
static LogicalResult joinResults(NodeBuilder &node, ArrayRef<Value> real, ArrayRef<Value> imaginary) {
  SmallVector<Value> results;
  for (auto [re, im] : llvm::zip_equal(real, imaginary))
    results.push_back(re ? joinParts(node, {re, im}) : Value());
  return node.results(results);
}

LogicalResult linearInParts(NodeBuilder &node) {
  Handler handler = node.findHandler();
  NodeBuilder::PartView real, imaginary;
  real.imaginary = {false};
  imaginary.imaginary = {true};
  NodeBuilder realNode = node.viewedBy(real), imaginaryNode = node.viewedBy(imaginary);
  if (failed(handler(realNode)) || failed(handler(imaginaryNode)))
    return failure();
  return joinResults(node, real.results, imaginary.results);
}

LogicalResult bilinearInParts(NodeBuilder &node) {
  Handler handler = node.findHandler();
  SmallVector<bool> isComplex = node.complexTensors();
  if (isComplex.size() > 2)
    return node.fail(node.node.target + " of more than two tensors, of which some are complex, is not supported"),
           failure();
  // A number in place of the second tensor is real.
  isComplex.resize(2);
  auto product = [&](bool first, bool second) -> Value {
    NodeBuilder::PartView view;
    view.imaginary = {first, second};
    view.keepsNumbers = true;
    NodeBuilder part = node.viewedBy(view);
    if (failed(handler(part)) || view.results.size() != 1) {
      node.markFailed();
      return nullptr;
    }
    return view.results[0];
  };
  auto combine = [&](Value lhs, Value rhs, BinaryFn fn) -> Value {
    if (!lhs || !rhs || node.failed())
      return lhs ? lhs : rhs;
    Type type = node.elementOf(lhs);
    return applyBinary(node, lhs, rhs, type, type, fn);
  };
  Value real = product(false, false), imaginary;
  if (isComplex[0] && isComplex[1])
    real = combine(real, product(true, true), [](const Body &body, Value a, Value b) { return body.sub(a, b); });
  if (isComplex[0])
    imaginary = product(true, false);
  if (isComplex[1])
    imaginary =
        combine(imaginary, product(false, true), [](const Body &body, Value a, Value b) { return body.add(a, b); });
  return node.result(joinParts(node, {real, imaginary}));
}

} // namespace raddle::import

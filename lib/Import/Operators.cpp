#include "ComplexOps.h"

using namespace mlir;

namespace raddle::import {

OperatorTable::OperatorTable() {
  registerActivationOperators(*this);
  registerAttentionOperators(*this);
  registerConvolutionOperators(*this);
  registerClassLossOperators(*this);
  registerComparisonOperators(*this);
  registerComplexOperators(*this);
  registerCreationOperators(*this);
  registerDistanceOperators(*this);
  registerDivisionOperators(*this);
  registerExpertOperators(*this);
  registerExtremumOperators(*this);
  registerIndexingOperators(*this);
  registerLinearOperators(*this);
  registerLossOperators(*this);
  registerNormOperators(*this);
  registerPointwiseOperators(*this);
  registerPoolingOperators(*this);
  registerReductionOperators(*this);
  registerSelectionOperators(*this);
  registerShapeOperators(*this);
  registerSpecialOperators(*this);
  registerScatterOperators(*this);
  registerSearchOperators(*this);
  registerSortOperators(*this);
  registerSplitOperators(*this);
  registerUnaryOperators(*this);
}

Handler OperatorTable::find(StringRef target) const {
  target.consume_front("torch.ops.");
  auto found = handlers.find(target);
  return found == handlers.end() ? nullptr : found->second;
}

std::vector<std::string> OperatorTable::names() const {
  std::vector<std::string> result;
  for (const auto &entry : handlers)
    result.push_back(entry.getKey().str());
  llvm::sort(result);
  return result;
}

Handler OperatorTable::findComplex(StringRef target) const {
  target.consume_front("torch.ops.");
  Handler handler = complexHandlers.lookup(target);
  // These do with the parts what the handler for real numbers does.
  bool needsReal = handler == linearInParts || handler == bilinearInParts;
  return needsReal && !find(target) ? nullptr : handler;
}

void OperatorTable::addComplex(StringRef name, Handler handler) {
  [[maybe_unused]] bool inserted = complexHandlers.try_emplace(name, handler).second;
  assert(inserted && "an operator has two handlers");
}

void OperatorTable::addComplex(std::initializer_list<StringRef> names, Handler handler) {
  for (StringRef name : names)
    addComplex(name, handler);
}

void OperatorTable::add(StringRef name, Handler handler) {
  [[maybe_unused]] bool inserted = handlers.try_emplace(name, handler).second;
  assert(inserted && "an operator has two handlers");
}

void OperatorTable::add(std::initializer_list<StringRef> names, Handler handler) {
  for (StringRef name : names)
    add(name, handler);
}

std::string refusalOf(const Node &node) {
  using Kind = Argument::Kind;
  auto isTrue = [&](StringRef name) {
    const Argument *argument = node.find(name);
    return argument && argument->kind == Kind::Bool && argument->integer;
  };
  auto isPositive = [&](StringRef name) {
    const Argument *argument = node.find(name);
    return argument && ((argument->kind == Kind::Float && argument->real > 0) ||
                        (argument->kind == Kind::Int && argument->integer > 0));
  };
  auto isGiven = [&](StringRef name) {
    const Argument *argument = node.find(name);
    return argument && argument->kind != Kind::None;
  };
  StringRef target = node.target;
  target.consume_front("torch.ops.aten.");
  static constexpr StringLiteral kDataDependent[] = {
      "nonzero", "nonzero_numpy", "argwhere",           "masked_select",          "unique_dim",
      "_unique", "_unique2",      "unique_consecutive", "unique_dim_consecutive", "bincount"};
  if (llvm::is_contained(kDataDependent, target.split('.').first))
    return "whose result's shape depends on the data";
  // native_dropout trains unless it is told otherwise.
  if (target == "dropout.default" && isTrue("train") && isPositive("p"))
    return "with train=True: export the module after eval(), or with dropout 0";
  if (target == "native_dropout.default" && (isTrue("train") || !isGiven("train")) && isPositive("p"))
    return "with train=True: export the module after eval(), or with dropout 0";
  if (target == "scaled_dot_product_attention.default" && isPositive("dropout_p"))
    return "with dropout_p above 0: export the module after eval(), or with dropout 0";
  if (target == "rrelu.default" && isTrue("training"))
    return "with training=True: export the module after eval()";
  if (target == "embedding.default" && isTrue("scale_grad_by_freq"))
    return "with scale_grad_by_freq=True";
  return std::string();
}

} // namespace raddle::import

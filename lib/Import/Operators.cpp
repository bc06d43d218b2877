#include "ComplexOps.h"

using namespace mlir;

namespace raddle::import {

OperatorTable::OperatorTable() {
  registerActivationOperators(*this);
  registerAttentionOperators(*this);
  registerChannelNormOperators(*this);
  registerConvolutionOperators(*this);
  registerClassLossOperators(*this);
  registerComparisonOperators(*this);
  registerComplexOperators(*this);
  registerCoordinateOperators(*this);
  registerCreationOperators(*this);
  registerDistanceOperators(*this);
  registerDivisionOperators(*this);
  registerEinsumOperators(*this);
  registerEmbeddingBagOperators(*this);
  registerExpertOperators(*this);
  registerCumulativeOperators(*this);
  registerExtremumOperators(*this);
  registerFourierOperators(*this);
  registerGridSampleOperators(*this);
  registerIndexingOperators(*this);
  registerLinearOperators(*this);
  registerLossOperators(*this);
  registerMultilabelLossOperators(*this);
  registerNormOperators(*this);
  registerPaddingOperators(*this);
  registerPointwiseOperators(*this);
  registerPixelOperators(*this);
  registerPoolingOperators(*this);
  registerProductOperators(*this);
  registerQuantileOperators(*this);
  registerRandomOperators(*this);
  registerRecurrentOperators(*this);
  registerReductionOperators(*this);
  registerSamplingOperators(*this);
  registerSelectionOperators(*this);
  registerResampleOperators(*this);
  registerShapeOperators(*this);
  registerSpecialOperators(*this);
  registerScatterOperators(*this);
  registerSearchOperators(*this);
  registerSortOperators(*this);
  registerSplitOperators(*this);
  registerUnaryOperators(*this);
  registerViewOperators(*this);
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
  auto hasValue = [&](StringRef name) {
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
  if (target.starts_with("repeat_interleave.") && target != "repeat_interleave.self_int" && !hasValue("output_size"))
    return "without output_size, so that its result's shape depends on the data";
  if ((target == "embedding.default" || target.starts_with("embedding_bag.")) && isTrue("scale_grad_by_freq"))
    return "with scale_grad_by_freq=True";
  return std::string();
}

} // namespace raddle::import

#include "raddle/Utils/ArgumentAppender.h"

using namespace mlir;

namespace raddle {

Value ArgumentAppender::add(Type type, DictionaryAttr attributes, Location loc) {
  added.push_back(attributes);
  return function.getBody().front().addArgument(type, loc);
}

void ArgumentAppender::finish() {
  if (added.empty())
    return;
  SmallVector<DictionaryAttr> attributes;
  for (unsigned index = 0; index < function.getNumArguments(); ++index)
    attributes.push_back(function.getArgAttrDict(index));
  attributes.append(added);
  added.clear();
  function.setType(FunctionType::get(function.getContext(), function.getBody().front().getArgumentTypes(),
                                     function.getResultTypes()));
  function.setAllArgAttrs(attributes);
}

} // namespace raddle

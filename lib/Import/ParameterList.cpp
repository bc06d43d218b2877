// Parameters of an archive, for tools that only plan.
#include "raddle/Import/ParameterList.h"
#include "Document.h"
#include "Scalars.h"
#include "llvm/ADT/StringSet.h"

using namespace llvm;

namespace raddle {

using namespace import;

/// Names the storage and its layout, the same for tied parameters; empty where the file has no bytes.
static std::string storageOf(const Document &document, StringRef name) {
  auto found = document.weights.entries.find(name);
  if (found == document.weights.entries.end() || found->second.meta.device == "meta")
    return {};
  std::string storage;
  raw_string_ostream stream(storage);
  const TensorMeta &meta = found->second.meta;
  stream << found->second.entry << ' ' << meta.offset.value << ' ' << meta.dtype;
  for (auto [size, stride] : llvm::zip(meta.sizes, meta.strides))
    stream << ' ' << size.value << ':' << stride.value;
  return storage;
}

plan::ParameterList readPt2Parameters(MemoryBufferRef bytes) {
  plan::ParameterList list;
  auto fail = [&](Error error) {
    list.problems.push_back(toString(std::move(error)));
    return list;
  };
  Expected<Archive> archive = Archive::open(bytes);
  if (!archive)
    return fail(archive.takeError());
  Expected<Document> document = readDocument(*archive);
  if (!document)
    return fail(document.takeError());
  StringSet<> storages;
  for (const InputSpec &spec : document->program.inputs) {
    if (spec.kind != InputSpec::Kind::Parameter)
      continue;
    auto meta = document->program.tensors.find(spec.placeholder);
    if (meta == document->program.tensors.end()) {
      list.problems.push_back(("parameter '" + spec.name + "' is no tensor of the program").str());
      continue;
    }
    std::string storage = storageOf(*document, spec.name);
    if (!storage.empty() && !storages.insert(storage).second)
      continue;
    plan::Parameter parameter;
    parameter.name = spec.name.str();
    parameter.dtype = dtypeName(meta->second.dtype);
    for (const SymbolicInt &size : meta->second.sizes) {
      parameter.shape.push_back(size.value);
      if (!size.isStatic())
        list.problems.push_back("parameter '" + parameter.name + "' has the dynamic size " + size.expression.str());
    }
    list.parameters.push_back(std::move(parameter));
  }
  return list;
}

} // namespace raddle

#include "SessionImplementation.h"

#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"

namespace raddle::runtime {

uint64_t ArrayInfo::bytes() const {
  uint64_t bytes = byteSize(dtype);
  for (uint64_t extent : shape)
    bytes *= extent;
  return bytes;
}

std::string formatShape(const std::vector<uint64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

template <typename Array> static ArrayInfo describe(const Array &array, uint32_t ranks) {
  ArrayInfo info{array.name()->str(), array.dtype(), {}, array.batched(), array.is_complex()};
  if (array.shape())
    info.shape.assign(array.shape()->begin(), array.shape()->end());
  if (info.batched)
    info.shape[0] *= ranks;
  return info;
}

template <typename Array> static Binding bindingOf(const Array &array, bool fromCaller, size_t position) {
  uint64_t bytes = elementsOf(array.shape()) * byteSize(array.dtype());
  return {fromCaller, bundle::InputRole::Batch, position, array.batched() ? bytes : 0, bytes};
}

void Session::Implementation::describeEntries() {
  size_t program = 0;
  for (const bundle::EntryPoint *entry : *bundle->entries()) {
    EntryInfo info{entry->name()->str(), {}};
    bound.emplace_back();
    for (const bundle::Variant *variant : *entry->variants()) {
      VariantInfo arrays;
      BoundVariant lowered{program++, {}, {}, false};
      for (size_t i = 0; variant->inputs() && i < variant->inputs()->size(); ++i) {
        const bundle::Input &input = *variant->inputs()->Get(i);
        bool fromCaller = input.role() == bundle::InputRole::Batch;
        lowered.inputs.push_back(bindingOf(input, fromCaller, arrays.inputs.size()));
        lowered.inputs.back().role = input.role();
        lowered.countsSteps = lowered.countsSteps || input.role() == bundle::InputRole::Step;
        if (fromCaller)
          arrays.inputs.push_back(describe(input, bundle->ranks()));
      }
      for (size_t i = 0; variant->outputs() && i < variant->outputs()->size(); ++i) {
        lowered.outputs.push_back(bindingOf(*variant->outputs()->Get(i), true, i));
        arrays.outputs.push_back(describe(*variant->outputs()->Get(i), bundle->ranks()));
      }
      info.variants.push_back(std::move(arrays));
      bound.back().push_back(std::move(lowered));
    }
    entries.push_back(std::move(info));
  }
}

const std::vector<EntryInfo> &Session::entries() const { return impl->entries; }

size_t Session::findEntry(const std::string &name) const {
  std::string names;
  for (size_t i = 0; i < impl->entries.size(); ++i) {
    if (impl->entries[i].name == name)
      return i;
    names += (i ? ", '" : "'") + impl->entries[i].name + "'";
  }
  throw InvalidArgument("the bundle has no entry '" + name + "', it has " + names);
}

// What is wrong with the inputs for one variant, empty if nothing is.
static std::string mismatch(const VariantInfo &variant, const std::vector<HostArray> &inputs, uint32_t ranks) {
  if (inputs.size() != variant.inputs.size())
    return "expected " + std::to_string(variant.inputs.size()) + " inputs, found " + std::to_string(inputs.size());
  std::string problems;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ArrayInfo &expected = variant.inputs[i];
    const HostArray &actual = inputs[i];
    if (expected.dtype == actual.dtype && expected.shape == actual.shape)
      continue;
    problems += (problems.empty() ? "" : "; ") +
                ("input '" + expected.name + "': expected " + nameOf(expected.dtype) + " " +
                 formatShape(expected.shape) + ", found " + nameOf(actual.dtype) + " " + formatShape(actual.shape));
    if (expected.batched && !actual.shape.empty() && actual.shape[0] % ranks != 0)
      problems += " (a batch of " + std::to_string(actual.shape[0]) + " does not divide by " + std::to_string(ranks) +
                  " ranks)";
  }
  return problems;
}

size_t Session::selectVariant(size_t entry, const std::vector<HostArray> &inputs) const {
  const EntryInfo &info = impl->entries.at(entry);
  std::string problems;
  for (size_t i = 0; i < info.variants.size(); ++i) {
    std::string problem = mismatch(info.variants[i], inputs, ranks());
    if (problem.empty())
      return i;
    problems += (problems.empty() ? "" : "\n  or ") + problem;
  }
  throw InvalidArgument("entry '" + info.name + "': " + problems);
}

} // namespace raddle::runtime

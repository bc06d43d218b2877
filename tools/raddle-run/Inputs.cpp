#include "Inputs.h"

#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Random.h"

#include <cstring>
#include <map>

namespace raddle::run {

using namespace raddle::runtime;

// The first variant whose inputs of given names have the shapes of the files.
static size_t chooseVariant(const EntryInfo &entry, const std::map<std::string, NpyArray> &given) {
  for (const auto &[name, array] : given) {
    std::string names;
    bool known = false;
    for (const ArrayInfo &input : entry.variants[0].inputs) {
      known = known || input.name == name;
      names += (names.empty() ? "'" : ", '") + input.name + "'";
    }
    if (!known)
      throw InvalidArgument("entry '" + entry.name + "' has no input '" + name + "', it has " +
                            (names.empty() ? "none" : names));
  }
  std::string problems;
  for (size_t i = 0; i < entry.variants.size(); ++i) {
    std::string problem;
    for (const ArrayInfo &input : entry.variants[i].inputs) {
      auto found = given.find(input.name);
      if (found != given.end() && (found->second.shape != input.shape || found->second.dtype != input.dtype))
        problem += (problem.empty() ? "" : "; ") +
                   ("input '" + input.name + "': expected " + nameOf(input.dtype) + " " + formatShape(input.shape) +
                    ", found " + nameOf(found->second.dtype) + " " + formatShape(found->second.shape));
    }
    if (problem.empty())
      return i;
    problems += (problems.empty() ? "" : "\n  or ") + problem;
  }
  throw InvalidArgument(problems);
}

Inputs::Inputs(const EntryInfo &entry, const Options &options, const TokenFile *tokens, uint64_t seed)
    : entry(entry), tokens(tokens), seed(seed), labelsNext(options.labelsNext) {
  std::map<std::string, NpyArray> given;
  for (const auto &[name, path] : options.inputs)
    if (!given.emplace(name, readNpy(path)).second)
      throw InvalidArgument("input '" + name + "' is given twice");
  chosen = chooseVariant(entry, given);
  const VariantInfo &variant = entry.variants[chosen];
  for (size_t i = 0; i < variant.inputs.size(); ++i) {
    const ArrayInfo &input = variant.inputs[i];
    auto found = given.find(input.name);
    memory.emplace_back(input.bytes());
    if (found != given.end())
      memory[i] = std::move(found->second.data);
    else if (tokens && isInteger(input.dtype) && input.shape.size() == 2)
      addWindow(i, options);
    else
      fill(i);
    list.push_back({memory[i].data(), input.dtype, input.shape});
  }
  if (tokens && windowed.empty())
    throw InvalidArgument("entry '" + entry.name + "' has no integer input of two dimensions for the tokens of '" +
                          tokens->name() + "'");
}

void Inputs::addWindow(size_t index, const Options &options) {
  const ArrayInfo &input = entry.variants[chosen].inputs[index];
  if (options.sequenceLength && *options.sequenceLength != input.shape[1])
    throw InvalidArgument("--seq-len is " + std::to_string(*options.sequenceLength) + ", input '" + input.name +
                          "' has " + std::to_string(input.shape[1]) + " tokens a sequence");
  windowed.push_back(index);
}

void Inputs::fill(size_t index) {
  const ArrayInfo &input = entry.variants[chosen].inputs[index];
  if (!isFloat(input.dtype))
    return; // integers and bools are zero, as the memory is
  size_t width = byteSize(input.dtype);
  for (size_t i = 0; i < memory[index].size() / width; ++i) {
    double value = randomNormal(seed, index, i);
    convertElements(&value, DType::F64, memory[index].data() + i * width, input.dtype, 1);
  }
}

// Stores a token as an integer of any width; false when it does not fit.
static bool storeToken(uint8_t *to, DType dtype, uint32_t token) {
  size_t width = byteSize(dtype);
  unsigned usable = static_cast<unsigned>(8 * width) - (dtype == DType::U8 ? 0 : 1);
  uint64_t value = token;
  if (usable < 64 && value >> usable != 0)
    return false;
  std::memcpy(to, &value, width);
  return true;
}

void Inputs::draw(uint64_t step) {
  for (size_t index : windowed) {
    const ArrayInfo &input = entry.variants[chosen].inputs[index];
    uint64_t length = input.shape[1], shift = labelsNext && input.name == "labels" ? 1 : 0;
    size_t width = byteSize(input.dtype);
    uint8_t *to = memory[index].data();
    for (uint64_t sample = 0; sample < input.shape[0]; ++sample) {
      // All inputs of a sample have the same window, also where labels need one token more.
      uint64_t start = windowStart(*tokens, length + (labelsNext ? 1 : 0), seed, step, sample) + shift;
      for (uint64_t i = 0; i < length; ++i, to += width)
        if (!storeToken(to, input.dtype, tokens->token(start + i)))
          throw InvalidArgument("tokens '" + tokens->name() + "': token " + std::to_string(tokens->token(start + i)) +
                                " does not fit input '" + input.name + "' of " + nameOf(input.dtype));
    }
  }
}

} // namespace raddle::run

#include "SessionImplementation.h"

#include "raddle/Bundle/Mesh.h"
#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Parameters.h"

namespace raddle::runtime {

uint64_t ParameterInfo::elements() const {
  uint64_t elements = 1;
  for (uint64_t extent : shape)
    elements *= extent;
  return elements;
}

void Session::Implementation::describeParameters() {
  for (size_t i = 0; bundle->parameters() && i < bundle->parameters()->size(); ++i) {
    const bundle::Parameter &parameter = *bundle->parameters()->Get(i);
    ParameterInfo info{parameter.name()->str(), {}, parameter.is_buffer(), parameter.trainable(), parameter.transient(),
                       parameter.dtype(),       {}, parameter.is_complex()};
    for (size_t j = 0; parameter.aliases() && j < parameter.aliases()->size(); ++j)
      info.aliases.push_back(parameter.aliases()->Get(j)->str());
    if (parameter.shape())
      info.shape.assign(parameter.shape()->begin(), parameter.shape()->end());
    parameterByName.emplace(info.name, i);
    for (const std::string &alias : info.aliases)
      parameterByName.emplace(alias, i);
    parameters.push_back(std::move(info));
  }
}

const std::vector<ParameterInfo> &Session::parameters() const { return impl->parameters; }

size_t Session::findParameter(const std::string &name) const {
  auto found = impl->parameterByName.find(name);
  if (found == impl->parameterByName.end())
    throw InvalidArgument("the bundle has no parameter '" + name + "'");
  return found->second;
}

static void convertOrThrow(const ParameterInfo &parameter, const void *src, DType from, void *dst, DType to,
                           uint64_t count) {
  if (!convertElements(src, from, dst, to, count))
    throw InvalidArgument("parameter '" + parameter.name + "' is " + nameOf(parameter.dtype) +
                          ", it cannot be converted from " + nameOf(from) + " to " + nameOf(to));
}

void Session::readParameter(size_t index, void *dst, DType dtype) {
  impl->finishAll();
  const ParameterInfo &info = impl->parameters.at(index);
  const bundle::Parameter &parameter = *impl->bundle->parameters()->Get(static_cast<uint32_t>(index));
  std::vector<uint8_t> bytes;
  // A parameter that is whole on every rank is taken from this process's first.
  uint32_t owners = parameter.bucket() < 0 ? 1 : bundle::shardRanks(*impl->bundle);
  for (uint32_t r = 0; r < owners; ++r) {
    ParameterPart part = partOf(*impl->bundle, parameter, r);
    if (part.count == 0)
      continue;
    bytes.resize(part.count * byteSize(info.dtype));
    bool whole = !impl->world || parameter.bucket() < 0;
    if (whole || impl->world->rank() == static_cast<int>(r))
      impl->executors[whole ? r : 0]->readState(part.state, part.offset, bytes.data(), bytes.size());
    if (!whole)
      impl->world->broadcast(bytes.data(), bytes.size(), static_cast<int>(r));
    convertOrThrow(info, bytes.data(), info.dtype, static_cast<uint8_t *>(dst) + part.first * byteSize(dtype), dtype,
                   part.count);
  }
}

void Session::writeParameter(size_t index, const void *src, DType dtype) {
  impl->finishAll();
  const ParameterInfo &info = impl->parameters.at(index);
  const bundle::Parameter &parameter = *impl->bundle->parameters()->Get(static_cast<uint32_t>(index));
  std::vector<uint8_t> bytes;
  for (const std::unique_ptr<RankExecutor> &executor : impl->executors) {
    ParameterPart part = partOf(*impl->bundle, parameter, static_cast<uint32_t>(executor->rank()));
    if (part.count == 0)
      continue;
    bytes.resize(part.count * byteSize(info.dtype));
    convertOrThrow(info, static_cast<const uint8_t *>(src) + part.first * byteSize(dtype), dtype, bytes.data(),
                   info.dtype, part.count);
    executor->writeState(part.state, part.offset, bytes.data(), bytes.size());
  }
}

} // namespace raddle::runtime

#include "raddle/runtime/Parameters.h"

#include "raddle/Bundle/Mesh.h"

#include <algorithm>

namespace raddle::runtime {

ParameterPart partOf(const bundle::Bundle &bundle, const bundle::Parameter &parameter, uint32_t rank) {
  uint64_t elements = elementsOf(parameter.shape());
  if (parameter.bucket() < 0)
    return {0, elements, parameter.state(), 0};
  const bundle::Bucket &bucket = *bundle.buckets()->Get(static_cast<uint32_t>(parameter.bucket()));
  uint64_t sliceBegin = rank % bundle::shardRanks(bundle) * bucket.shard_elements(),
           sliceEnd = sliceBegin + bucket.shard_elements();
  uint64_t begin = std::max(parameter.offset(), sliceBegin);
  uint64_t end = std::min(parameter.offset() + elements, sliceEnd);
  if (begin >= end)
    return {0, 0, bucket.param_state(), 0};
  return {begin - parameter.offset(), end - begin, bucket.param_state(),
          (begin - sliceBegin) * byteSize(bucket.dtype())};
}

} // namespace raddle::runtime

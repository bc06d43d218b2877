#include "Gaps.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>

namespace raddle::plan {

void Gaps::add(int64_t begin, int64_t end) {
  while (begin < end) {
    int64_t stop = std::min(end, (begin / shard + 1) * shard);
    byLength.emplace(stop - begin, begin);
    begin = stop;
  }
}

std::optional<int64_t> Gaps::take(int64_t elements) {
  auto found = byLength.lower_bound(elements);
  if (found == byLength.end())
    return std::nullopt;
  auto [length, start] = *found;
  byLength.erase(found);
  add(alignUp(start + elements, alignment), start + length);
  return start;
}

} // namespace raddle::plan

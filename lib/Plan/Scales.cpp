#include "raddle/Plan/Scales.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>

namespace raddle::plan {

int64_t ScaleSlot::countOn(int64_t owner) const {
  if (owner < rank || owner >= rank + ranks)
    return 0;
  return owner == rank ? first : owner == rank + ranks - 1 ? last : middle;
}

int64_t ScaleSlot::offsetOn(int64_t owner) const { return owner == rank ? offset : 0; }

int64_t scalesPerUnit(const Parameter &parameter, const PlanOptions &options) {
  const std::vector<int64_t> &shape = parameter.shape;
  Block block = parameter.block.value_or(options.block);
  if (block.kind == Block::Kind::None || (shape.size() < 2 && !parameter.block) || *countElements(shape) == 0)
    return 0;
  if (!options.wholeTensors)
    return 1;
  int64_t columns = shape.empty() ? 1 : shape.back(), rows = shape.size() < 2 ? 1 : shape[shape.size() - 2];
  // Rows of one row of blocks, or a matrix.
  bool isMatrix = rowMajorUnit(shape, block.rows) > std::min(block.rows, rows) * columns;
  int64_t wide = block.kind == Block::Kind::Tile ? divideUp(columns, block.columns) : 1;
  return isMatrix ? divideUp(rows, block.rows) * wide : wide;
}

ScaleLayout layOutScales(const PlannedBucket &bucket, const std::vector<Parameter> &parameters,
                         const PlanOptions &options, int bits) {
  ScaleLayout layout;
  // Slots come by offset, so that only the rank of the last one so far can own more.
  int64_t rank = 0, used = 0, most = 0;
  for (const PlannedSlot &slot : bucket.slots) {
    int64_t each = scalesPerUnit(parameters[slot.parameter], options);
    if (each == 0 || slot.elements == 0) {
      layout.slots.push_back({0, 0, 0, 0, 0, 0});
      continue;
    }
    int64_t end = slot.offset + slot.elements, first = slot.offset / bucket.shard, last = (end - 1) / bucket.shard;
    if (first != rank)
      used = 0;
    // Boundaries are at whole units; only the last unit may be shorter.
    auto count = [&](int64_t from, int64_t to) { return divideUp(to - from, slot.unit) * each; };
    ScaleSlot &scales = layout.slots.emplace_back();
    scales.rank = first;
    scales.ranks = last - first + 1;
    scales.offset = used;
    scales.first = count(slot.offset, std::min(end, (first + 1) * bucket.shard));
    scales.middle = scales.ranks > 2 ? bucket.shard / slot.unit * each : 0;
    scales.last = last > first ? count(last * bucket.shard, end) : scales.first;
    layout.scales += count(slot.offset, end);
    most = std::max({most, used + scales.first, scales.middle, scales.last});
    used = last > first ? scales.last : used + scales.first;
    rank = last;
  }
  layout.shard = alignUp(most, alignmentOf(bits));
  return layout;
}

} // namespace raddle::plan

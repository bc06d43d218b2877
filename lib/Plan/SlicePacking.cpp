#include "SlicePacking.h"

#include "raddle/Plan/Arithmetic.h"

#include <algorithm>
#include <map>

namespace raddle::plan {

SlicePacking::SlicePacking(const std::vector<Tensor> &tensors, int64_t ranks, int64_t alignment)
    : tensors(tensors), ranks(ranks), alignment(alignment) {
  // Small units are taken together up to the alignment. Of larger ones that are not aligned, the tensors that begin in
  // a slice decide what it holds, so tensors of about as many units are together.
  std::map<std::pair<int64_t, int>, UnitClass, std::greater<>> byUnit;
  for (uint32_t index = 0; index < tensors.size(); ++index) {
    auto [elements, unit] = tensors[index];
    int64_t aligned = boundedLcm(unit, alignment), size = aligned <= 2 * std::max(unit, alignment) ? aligned : unit;
    int64_t count = divideUp(elements, size);
    int magnitude = 0;
    if (size % alignment != 0)
      for (int64_t half = std::min(elements, alignment << 12); half > 1; half /= 2)
        ++magnitude;
    UnitClass &units = byUnit.try_emplace({unit, magnitude}, UnitClass{size, 0, count, {}}).first->second;
    units.units += count;
    units.fewest = std::min(units.fewest, count);
    units.tensors.push_back(index);
  }
  for (auto &[key, units] : byUnit)
    classes.push_back(std::move(units));
}

std::vector<const SlicePacking::UnitClass *> SlicePacking::order(int64_t shard) const {
  std::vector<const UnitClass *> ordered;
  for (bool divides : {true, false})
    for (const UnitClass &units : classes)
      if ((units.unit > alignment && shard % units.unit == 0) == divides)
        ordered.push_back(&units);
  return ordered;
}

/// What so many units of neighbouring tensors may take in a slice: each tensor begins aligned.
int64_t SlicePacking::room(const UnitClass &units, int64_t count) const {
  if (units.unit % alignment == 0)
    return count * units.unit;
  int64_t mostTensors = count < 2 ? count : std::min(count, (count - 2) / std::max<int64_t>(units.fewest, 1) + 2);
  // A sum of aligned sizes, so rounded down.
  return (count * units.unit + mostTensors * (alignment - 1)) / alignment * alignment;
}

/// The units that fit into so many free elements.
int64_t SlicePacking::fit(const UnitClass &units, int64_t free) const {
  int64_t count = free / units.unit;
  while (count > 0 && room(units, count) > free)
    count -= divideUp(room(units, count) - free, units.unit + alignment);
  return std::max<int64_t>(count, 0);
}

/// Gives the units that found no place.
int64_t SlicePacking::fill(const UnitClass &units, int64_t shard, std::vector<Group> &groups,
                           std::vector<Run> &runs) const {
  struct Candidate {
    int64_t empty;
    size_t group;
    int64_t units;
  };
  std::vector<Candidate> candidates;
  for (size_t index = 0; index < groups.size(); ++index) {
    int64_t free = shard - groups[index].used;
    if (int64_t count = fit(units, free); count > 0)
      candidates.push_back({free - room(units, count), index, count});
  }
  std::sort(candidates.begin(), candidates.end(), [&](const Candidate &a, const Candidate &b) {
    return std::pair(a.empty, groups[a.group].first) < std::pair(b.empty, groups[b.group].first);
  });
  int64_t left = units.units;
  for (const Candidate &candidate : candidates) {
    if (left == 0)
      break;
    Group group = groups[candidate.group]; // a copy: the list grows
    int64_t full = std::min(group.count, left / candidate.units);
    if (full > 0) {
      runs.push_back({group.first, full, group.used, candidate.units});
      left -= full * candidate.units;
      groups[candidate.group] = {group.first, full, group.used + room(units, candidate.units)};
    }
    int64_t rest = group.count - full, next = group.first + full;
    auto put = [&](Group part) {
      if (full > 0)
        groups.push_back(part);
      else
        groups[candidate.group] = part;
      full = 1;
    };
    if (rest > 0 && left > 0) {
      runs.push_back({next, 1, group.used, left});
      put({next++, 1, group.used + room(units, left)});
      left = 0;
      --rest;
    }
    if (rest > 0)
      put({next, rest, group.used});
  }
  return left;
}

/// Slices without a gap between them are as one.
bool SlicePacking::isJoined(const UnitClass &units, int64_t shard, const Run &run) const {
  return run.used == 0 && run.units * units.unit == shard && units.unit % alignment == 0;
}

int64_t SlicePacking::excess(int64_t shard) const {
  // So that layouts stay small.
  const int64_t mostCuts = 8 * ranks;
  std::vector<Group> groups{{0, ranks, 0}};
  int64_t excess = 0, cuts = 0;
  for (const UnitClass *units : order(shard)) {
    std::vector<Run> runs;
    int64_t left = fill(*units, shard, groups, runs);
    for (const Run &run : runs)
      cuts += isJoined(*units, shard, run) ? 1 : run.count;
    excess += (cuts > mostCuts ? units->units : left) * units->unit;
  }
  return excess;
}

std::vector<Chunk> SlicePacking::place(int64_t shard) const {
  std::vector<Group> groups{{0, ranks, 0}};
  std::vector<Chunk> chunks;
  for (const UnitClass *units : order(shard)) {
    std::vector<Run> runs;
    fill(*units, shard, groups, runs);
    emit(*units, shard, runs, chunks);
  }
  return chunks;
}

/// Hands the places of a class out to its tensors, one after the other.
void SlicePacking::emit(const UnitClass &units, int64_t shard, const std::vector<Run> &runs,
                        std::vector<Chunk> &chunks) const {
  size_t next = 0;
  int64_t begin = 0; // in the next tensor
  auto skipDone = [&](int64_t offset) {
    // A tensor without elements lies where the next one begins.
    for (; next < units.tensors.size() && begin >= tensors[units.tensors[next]].elements; ++next, begin = 0)
      if (tensors[units.tensors[next]].elements == 0)
        chunks.push_back({units.tensors[next], 0, 0, offset});
  };
  for (const Run &run : runs) {
    bool joined = isJoined(units, shard, run);
    int64_t slices = joined ? 1 : run.count, most = joined ? run.units * run.count : run.units;
    for (int64_t slice = 0; slice < slices; ++slice) {
      int64_t offset = (run.first + slice) * shard + run.used;
      for (int64_t left = most; left > 0;) {
        skipDone(offset);
        if (next == units.tensors.size())
          return;
        uint32_t index = units.tensors[next];
        int64_t elements = std::min(left * units.unit, tensors[index].elements - begin);
        if (!chunks.empty() && chunks.back().tensor == index && chunks.back().offset + chunks.back().elements == offset)
          chunks.back().elements += elements;
        else
          chunks.push_back({index, begin, elements, offset});
        begin += elements;
        int64_t count = divideUp(elements, units.unit);
        left -= count;
        // Behind an incomplete unit the next one begins where a whole one would, at a distance that divides slices.
        offset = alignUp(offset + (units.unit % alignment == 0 ? count * units.unit : elements), alignment);
      }
    }
  }
  skipDone(0);
}

std::vector<int64_t> SlicePacking::sizesOfUnits(int64_t most, int64_t count) const {
  constexpr size_t kMostClasses = 3;
  std::vector<const UnitClass *> byElements = order(alignment);
  std::sort(byElements.begin(), byElements.end(), [](const UnitClass *a, const UnitClass *b) {
    return std::pair(b->units * b->unit, a->unit) < std::pair(a->units * a->unit, b->unit);
  });
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < std::min(kMostClasses, byElements.size()); ++i)
    for (int64_t units = fit(*byElements[i], most), end = units - count; units > std::max<int64_t>(end, 0); --units)
      sizes.push_back(alignUp(room(*byElements[i], units), alignment));
  return sizes;
}

int64_t SlicePacking::leastShard(int64_t least, int64_t most) const {
  constexpr int64_t kWork = 1 << 25, kMostTries = 1 << 12;
  int64_t budget =
      std::clamp<int64_t>(kWork / static_cast<int64_t>(classes.size() * classes.size() + 8), 16, kMostTries);
  int64_t triesPerStep = std::clamp<int64_t>(budget / 16, 1, 64);
  int64_t step = alignment, failed = least - alignment, found = most, tries = 0;
  for (int64_t shard = least; shard < most && budget > 0; shard += step, --budget) {
    if (excess(shard) == 0) {
      found = shard;
      break;
    }
    failed = shard;
    if (++tries % triesPerStep == 0)
      step *= 2;
  }
  for (int64_t shard = failed + alignment; shard < found && budget > 0; shard += alignment, --budget)
    if (excess(shard) == 0)
      return shard;
  return found;
}

} // namespace raddle::plan

// The rules of a layout, checked against the shapes alone, which checkInput has taken: the count of a shape's elements
// is all that is shared with the planner.
#include "raddle/Plan/ModelPlanner.h"

#include <algorithm>
#include <map>

namespace raddle::plan {

namespace {

/// What a part must hold: the number of elements, and of those in one block.
struct Expected {
  int64_t elements;
  int64_t unit;
};

class Checker {
public:
  Checker(const std::vector<Parameter> &parameters, const PlanOptions &options, const ModelPlan &plan)
      : parameters(parameters), options(options), plan(plan) {}

  std::vector<std::string> run() {
    for (const PlannedBucket &bucket : plan.buckets)
      checkBucket(bucket);
    for (uint32_t index = 0; index < parameters.size(); ++index)
      checkParameter(index);
    checkTotals();
    return std::move(problems);
  }

private:
  template <typename... Texts> void problem(const Texts &...texts) {
    std::string text;
    ((text += texts), ...);
    problems.push_back(std::move(text));
  }

  void checkBucket(const PlannedBucket &bucket) {
    constexpr int64_t kBytes = 128;
    int64_t alignment = kBytes * 8 / bucket.bits, end = 0, elements = 0;
    std::string place = "bucket '" + bucket.name + "'";
    if (bucket.shard < 1 || bucket.shard % alignment != 0)
      problem(place, ": slice of ", std::to_string(bucket.shard), " elements is not aligned");
    for (const PlannedSlot &slot : bucket.slots) {
      const Parameter &parameter = parameters[slot.parameter];
      std::string what = place + ", '" + parameter.name + "' at " + std::to_string(slot.offset);
      if (parameter.dtype != bucket.dtype)
        problem(what, ": dtype is ", parameter.dtype, ", the bucket's ", bucket.dtype);
      if (slot.offset < end)
        problem(what, ": overlaps what ends at ", std::to_string(end));
      if (slot.offset % alignment != 0)
        problem(what, ": is not aligned");
      end = slot.offset + slot.elements;
      elements += slot.elements;
      // What lies whole may end with a shorter unit.
      bool mayEndShort = isWhole(parameter);
      if (slot.unit < 1 || slot.begin % slot.unit != 0 || (!mayEndShort && slot.elements % slot.unit != 0))
        problem(what, ": is not made of whole units of ", std::to_string(slot.unit));
      for (int64_t rank = slot.offset / bucket.shard + 1; slot.unit > 1 && rank * bucket.shard < end; ++rank)
        if ((rank * bucket.shard - slot.offset) % slot.unit != 0)
          problem(what, ": the boundary of rank ", std::to_string(rank), " cuts a unit of ", std::to_string(slot.unit));
      runs[{slot.parameter, slot.region}].push_back({slot.begin, slot.elements, slot.unit});
    }
    if (end > bucket.shard * plan.shardRanks)
      problem(place, ": ends at ", std::to_string(end), ", behind its last slice");
    if (elements != bucket.elements)
      problem(place, ": has ", std::to_string(elements), " elements, says ", std::to_string(bucket.elements));
    slices += bucket.shard;
  }

  bool isWhole(const Parameter &parameter) const { return options.wholeTensors || parameter.unit > 0; }

  /// Rows of a block, or a matrix where blocks would begin in the middle of one of several.
  static int64_t unitOfRows(const Parameter &parameter, int64_t rows, int64_t columns, int64_t blockRows) {
    if (parameter.shape.size() > 2 && rows % std::min(rows, blockRows) != 0)
      return rows * columns;
    return std::min(rows, blockRows) * columns;
  }

  /// The parts of a matrix by the definition of blocks.
  std::map<Region, Expected> expectedParts(const Parameter &parameter) const {
    Block block = parameter.block.value_or(options.block);
    int64_t elements = *countElements(parameter.shape);
    bool isVector = parameter.shape.size() < 2;
    if (parameter.unit > 0)
      return {{Region::Interior, {elements, parameter.unit}}};
    if (block.kind == Block::Kind::None || elements == 0 || (isVector && !parameter.block))
      return {{Region::Interior, {elements, 1}}};
    int64_t columns = parameter.shape.empty() ? 1 : parameter.shape.back();
    int64_t rows = isVector ? 1 : parameter.shape[parameter.shape.size() - 2];
    if (options.wholeTensors)
      return {{Region::Interior, {elements, unitOfRows(parameter, rows, columns, block.rows)}}};
    if (block.kind == Block::Kind::Rows)
      block.columns = columns;
    std::map<Region, Expected> parts;
    // Every block of the first matrix, by its size.
    for (int64_t bottom : {int64_t(0), int64_t(1)})
      for (int64_t right : {int64_t(0), int64_t(1)}) {
        int64_t high = bottom ? rows % block.rows : block.rows, wide = right ? columns % block.columns : block.columns;
        int64_t count = (bottom ? 1 : rows / block.rows) * (right ? 1 : columns / block.columns);
        if (high * count == 0 || wide * count == 0)
          continue;
        Region region = bottom ? (right ? Region::Corner : Region::Lower) : (right ? Region::Right : Region::Interior);
        parts[region] = {elements / (rows * columns) * count * high * wide, high * wide};
      }
    return parts;
  }

  void checkParameter(uint32_t index) {
    std::string what = "parameter '" + parameters[index].name + "'";
    std::map<Region, Expected> expected = expectedParts(parameters[index]);
    for (Region region : {Region::Interior, Region::Right, Region::Lower, Region::Corner}) {
      std::vector<Run> &found = runs[{index, region}];
      auto wanted = expected.find(region);
      std::sort(found.begin(), found.end(), [](const Run &a, const Run &b) {
        return std::pair(a.begin, a.elements) < std::pair(b.begin, b.elements);
      });
      int64_t end = 0;
      for (const Run &run : found) {
        if (run.begin != end)
          problem(what, ", ", nameOf(region), ": has ", std::to_string(end), " elements, then ",
                  std::to_string(run.begin));
        if (run.elements > 0 && wanted != expected.end() && run.unit != wanted->second.unit)
          problem(what, ", ", nameOf(region), ": has units of ", std::to_string(run.unit), ", expected ",
                  std::to_string(wanted->second.unit));
        end = run.begin + run.elements;
      }
      if (isWhole(parameters[index]) && found.size() > 1)
        problem(what, ": is in ", std::to_string(found.size()), " pieces");
      int64_t elements = wanted == expected.end() ? 0 : wanted->second.elements;
      if (end != elements || found.empty() != (wanted == expected.end()))
        problem(what, ", ", nameOf(region), ": has ", std::to_string(end), " elements, expected ",
                std::to_string(elements));
    }
  }

  void checkTotals() {
    int64_t elements = 0;
    for (const PlannedBucket &bucket : plan.buckets)
      elements += bucket.elements;
    if (plan.ranks % plan.shardRanks != 0 || plan.elements != elements ||
        plan.paddedElements != slices * plan.shardRanks)
      problem("the totals are not those of the buckets");
  }

  struct Run {
    int64_t begin, elements, unit;
  };

  const std::vector<Parameter> &parameters;
  const PlanOptions &options;
  const ModelPlan &plan;
  int64_t slices = 0;
  std::map<std::pair<uint32_t, Region>, std::vector<Run>> runs;
  std::vector<std::string> problems;
};

} // namespace

std::vector<std::string> checkPlan(const std::vector<Parameter> &parameters, const PlanOptions &options,
                                   const ModelPlan &plan) {
  return Checker(parameters, options, plan).run();
}

} // namespace raddle::plan

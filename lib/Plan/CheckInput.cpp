// What the planner takes.
#include "raddle/Plan/ModelPlanner.h"

#include <unordered_set>

namespace raddle::plan {

namespace {

/// More ranks than any cluster has; layouts have up to a chunk a rank.
constexpr int64_t kMaxRanks = int64_t(1) << 20;

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void checkRanks(const PlanOptions &options, std::vector<std::string> &problems) {
  if (options.ranks < 1 || options.ranks > kMaxRanks)
    problems.push_back("expected 1 to " + std::to_string(kMaxRanks) + " ranks, got " + std::to_string(options.ranks));
  else if (options.shardRanks < 0 || (options.shardRanks > 0 && options.ranks % options.shardRanks != 0))
    problems.push_back("expected a number of ranks that share a copy which divides the " +
                       std::to_string(options.ranks) + " ranks, got " + std::to_string(options.shardRanks));
}

/// Elements of a parameter, or 0 with its problems listed.
int64_t checkParameter(const Parameter &parameter, std::vector<std::string> &problems) {
  if (bitsOf(parameter.dtype) == 0 && parameter.bits <= 0)
    problems.push_back("parameter '" + parameter.name + "': dtype '" + parameter.dtype + "' is unknown");
  if (parameter.block && (parameter.block->rows < 1 || parameter.block->columns < 1))
    problems.push_back("parameter '" + parameter.name + "': expected a block of at least one element, got " +
                       std::to_string(parameter.block->rows) + "x" + std::to_string(parameter.block->columns));
  std::optional<int64_t> elements = countElements(parameter.shape);
  if (!elements)
    problems.push_back("parameter '" + parameter.name + "': shape " + shapeText(parameter.shape) +
                       " has a negative extent or more than " + std::to_string(kMaxElements) + " elements");
  return elements.value_or(0);
}

} // namespace

std::vector<std::string> checkInput(const std::vector<Parameter> &parameters, const PlanOptions &options) {
  // So that no position in a bucket overflows, wherever the search for it goes.
  constexpr int64_t kMaxProduct = kMaxElements / 2;
  std::vector<std::string> problems;
  checkRanks(options, problems);
  if (parameters.empty())
    problems.push_back("there are no parameters");
  std::unordered_set<std::string_view> names;
  int64_t total = 0;
  bool isHuge = false;
  for (const Parameter &parameter : parameters) {
    if (!names.insert(parameter.name).second)
      problems.push_back("two parameters are named '" + parameter.name + "'");
    isHuge |= __builtin_add_overflow(total, checkParameter(parameter, problems), &total) || total > kMaxElements;
    total = isHuge ? 0 : total;
  }
  int64_t ranks = options.shardRanks > 0 ? options.shardRanks : options.ranks, product;
  if (isHuge)
    problems.push_back("the parameters have more than " + std::to_string(kMaxElements) + " elements");
  else if (ranks > 0 && (__builtin_mul_overflow(total, ranks, &product) || product > kMaxProduct))
    problems.push_back(std::to_string(total) + " elements on " + std::to_string(ranks) +
                       " ranks are too many: expected a product of at most " + std::to_string(kMaxProduct));
  return problems;
}

} // namespace raddle::plan

#include "BlasLt.h"

namespace raddle::runtime::cuda {

namespace {
struct Loop {
  int64_t extent;
  BatchPlan::Offsets strides;
};
} // namespace

static bool continues(const Loop &outer, const Loop &inner) {
  return outer.strides.a == inner.extent * inner.strides.a && outer.strides.b == inner.extent * inner.strides.b &&
         outer.strides.c == inner.extent * inner.strides.c;
}

BatchPlan planBatches(const GemmProblem &problem) {
  std::vector<Loop> loops;
  for (size_t i = 0; i < problem.batch.size(); ++i) {
    if (problem.batch[i] == 1)
      continue;
    Loop loop{problem.batch[i], {problem.strideA[i], problem.strideB[i], problem.strideC[i]}};
    if (!loops.empty() && continues(loops.back(), loop))
      loops.back() = {loops.back().extent * loop.extent, loop.strides};
    else
      loops.push_back(loop);
  }
  BatchPlan plan;
  size_t longest = loops.size();
  for (size_t i = 0; i < loops.size(); ++i)
    if (loops[i].strides.c != 0 && (longest == loops.size() || loops[i].extent > loops[longest].extent))
      longest = i;
  if (longest != loops.size()) {
    plan.count = loops[longest].extent;
    plan.strides = loops[longest].strides;
    loops.erase(loops.begin() + static_cast<std::ptrdiff_t>(longest));
  }
  plan.calls.push_back({0, 0, 0});
  for (const Loop &loop : loops) {
    std::vector<BatchPlan::Offsets> all;
    for (const BatchPlan::Offsets &at : plan.calls)
      for (int64_t i = 0; i < loop.extent; ++i)
        all.push_back({at.a + i * loop.strides.a, at.b + i * loop.strides.b, at.c + i * loop.strides.c});
    plan.calls = std::move(all);
  }
  return plan;
}

} // namespace raddle::runtime::cuda

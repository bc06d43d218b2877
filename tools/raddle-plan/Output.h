// What raddle-plan prints.
#ifndef RADDLE_TOOLS_PLAN_OUTPUT_H
#define RADDLE_TOOLS_PLAN_OUTPUT_H

#include "raddle/Plan/ModelPlanner.h"
#include "llvm/Support/raw_ostream.h"

namespace raddle::plan {

/// A plan and the seconds that it took.
struct TimedPlan {
  ModelPlan plan;
  double seconds;
};

/// One JSON object on one line; with `layout` also every bucket.
void printJson(llvm::raw_ostream &stream, const std::vector<Parameter> &parameters, const PlanOptions &options,
               const TimedPlan &timed, bool layout);

/// A table with a line a plan.
void printTable(llvm::raw_ostream &stream, const std::vector<TimedPlan> &plans);

} // namespace raddle::plan

#endif // RADDLE_TOOLS_PLAN_OUTPUT_H

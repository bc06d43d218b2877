// raddle-plan: buckets, slices and padding of a model on many ranks.
#include "Input.h"
#include "Options.h"
#include "Output.h"

#include "llvm/Support/InitLLVM.h"

#include <chrono>

using namespace raddle::plan;

namespace {

TimedPlan timePlan(const std::vector<Parameter> &parameters, const PlanOptions &options) {
  auto start = std::chrono::steady_clock::now();
  ModelPlan plan = planModel(parameters, options);
  return {std::move(plan), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

/// All that is wrong with the model on any of the numbers of ranks, each problem once.
std::vector<std::string> findProblems(const ParameterList &model, const std::vector<PlanOptions> &all) {
  std::vector<std::string> problems = model.problems;
  if (!problems.empty())
    return problems;
  for (const PlanOptions &options : all)
    for (std::string &problem : checkInput(model.parameters, options))
      if (std::find(problems.begin(), problems.end(), problem) == problems.end())
        problems.push_back(std::move(problem));
  return problems;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  bool failed = false;
  std::optional<Options> options = parseOptions(argc, argv, failed);
  if (!options)
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
  ParameterList model = readModel(options->model);
  std::vector<PlanOptions> all;
  for (int64_t ranks : options->ranks) {
    all.emplace_back();
    all.back().ranks = ranks;
    all.back().shardRanks = options->shardRanks;
    all.back().block = options->block;
    all.back().wholeTensors = options->wholeTensors;
  }
  std::vector<std::string> problems = findProblems(model, all);
  if (!problems.empty()) {
    printErrors(problems);
    return EXIT_FAILURE;
  }
  std::vector<TimedPlan> plans;
  for (const PlanOptions &planOptions : all) {
    TimedPlan timed = timePlan(model.parameters, planOptions);
    if (options->json)
      printJson(llvm::outs(), model.parameters, planOptions, timed, options->layout);
    else
      plans.push_back(std::move(timed));
  }
  if (!options->json)
    printTable(llvm::outs(), plans);
  return EXIT_SUCCESS;
}

// A list of parameters from outside is refused with messages, or planned; and the plan is valid by the check that
// shares nothing with the planner. The input is JSON as raddle-plan reads it, with members `ranks`, `shard_ranks`,
// `default_block` and `whole_tensors` for the options; without `params` it is the header of a .safetensors, and what is
// no JSON is the whole file.
#include "JsonMutator.h"

#include "raddle/Plan/ModelPlanner.h"
#include "raddle/Plan/ReadParameters.h"
#include "raddle/Plan/Scales.h"

#include "llvm/Support/raw_ostream.h"

using namespace raddle;

// Of larger ones a plan may take longer than a fuzzer waits.
static constexpr int64_t mostRanks = 4096;

static void expectNone(const std::vector<std::string> &problems) {
  for (const std::string &problem : problems)
    llvm::errs() << problem << "\n";
  if (!problems.empty())
    std::abort();
}

static plan::ParameterList read(llvm::StringRef text, const llvm::json::Object *document) {
  if (!document)
    return plan::parseSafetensorsHeader(text);
  if (document->get("params"))
    return plan::parseParameterJson(text);
  std::string file(8, 0);
  for (int i = 0; i < 8; ++i)
    file[i] = static_cast<char>(text.size() >> 8 * i);
  return plan::parseSafetensorsHeader(file + text.str());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  llvm::Expected<llvm::json::Value> value = fuzz::parseJson(text);
  if (!value)
    llvm::consumeError(value.takeError());
  const llvm::json::Object *document = value ? value->getAsObject() : nullptr;
  plan::ParameterList list = read(text, document);
  if (!list.problems.empty())
    return 0;
  plan::PlanOptions options;
  if (document) {
    options.ranks = document->getInteger("ranks").value_or(4);
    options.shardRanks = document->getInteger("shard_ranks").value_or(0);
    options.block = plan::parseBlock(document->getString("default_block").value_or("none")).value_or(plan::Block());
    options.wholeTensors = document->getBoolean("whole_tensors").value_or(false);
  }
  if (options.ranks > mostRanks || !plan::checkInput(list.parameters, options).empty())
    return 0;
  plan::ModelPlan made = plan::planModel(list.parameters, options);
  expectNone(plan::checkPlan(list.parameters, options, made));
  for (const plan::PlannedBucket &bucket : made.buckets)
    plan::layOutScales(bucket, list.parameters, options, 32);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  return fuzz::mutateJson(data, size, maxSize, seed, {"torch.ops.unused"});
}

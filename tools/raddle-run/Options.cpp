#include "Options.h"

#include "../CommandLine.h"

#include <cmath>
#include <cstdlib>
#include <iostream>

namespace raddle::run {

static void splitInputs(const std::vector<std::string> &texts, Options &options) {
  for (const std::string &text : texts) {
    size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      throw CLI::ValidationError("--input", "expected NAME=FILE.npy, found '" + text + "'");
    options.inputs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
}

// CLI11's own checks name the largest double as the other end of the range.
static std::string checkPositive(const std::string &text) {
  return text.find_first_of("123456789") == std::string::npos || text[0] == '-'
             ? "expected a number from 1 on, found " + text
             : "";
}

static std::string checkRate(const std::string &text) {
  char *end = nullptr;
  float value = std::strtof(text.c_str(), &end);
  return *end == '\0' && end != text.c_str() && value >= 0 && std::isfinite(value)
             ? ""
             : "expected a finite number from 0 on, found " + text;
}

std::optional<Options> parseOptions(int argc, char **argv, bool &failed) {
  Options options;
  std::vector<std::string> inputs;
  std::string schedule = "constant", labels = "same", tune = "on";
  CLI::App app(
      "Runs a bundle that raddle-compile made: one call of an entry point, or the steps of a training.\n"
      "Ranks are threads of this process, one a GPU where the bundle is for GPUs, or the processes that mpirun "
      "or, for GPUs, torchrun starts.",
      "raddle-run");
  app.add_option("BUNDLE", options.bundle, "The .raddle file")->required();
  app.add_option("--ranks", options.ranks, "Number of ranks; must be the bundle's, which is the default");
  app.add_option("--steps", options.steps, "How often the entry point is called")
      ->check(checkPositive)
      ->capture_default_str();
  app.add_option("--entry", options.entry, "The entry point; default: train_step where there is one, else main");
  app.add_option("--data", options.data,
                 "Flat file of token ids, unsigned and little-endian, .u16 or .u32 by suffix, else bytes; integer "
                 "inputs of two dimensions get windows of it");
  app.add_option("--seq-len", options.sequenceLength, "Tokens of a window; default and only value: the bundle's");
  app.add_option("--labels", labels, "'same': labels are the window of input_ids; 'next': moved on by one token")
      ->check(CLI::IsMember({"same", "next"}))
      ->capture_default_str();
  app.add_option("--val", options.val, "File of token ids for the entry point eval, as --data");
  app.add_option("--val-steps", options.valSteps, "Batches of an evaluation")
      ->check(checkPositive)
      ->capture_default_str();
  app.add_option("--val-every", options.valEvery, "Evaluate after so many steps; 0: after the last one only")
      ->capture_default_str();
  app.add_option("--lr", options.learningRate, "Learning rate; default: the bundle's")->check(checkRate);
  app.add_option("--warmup", options.warmup, "Steps over which the learning rate rises from zero")
      ->capture_default_str();
  app.add_option("--schedule", schedule, "Learning rate after the warm-up: constant, or falling to zero by a cosine")
      ->check(CLI::IsMember({"constant", "cosine"}))
      ->capture_default_str();
  app.add_option("--input", inputs, "NAME=FILE.npy, an input of the whole batch; repeatable")->allow_extra_args(false);
  app.add_option("--output", options.output, "Folder for NAME.npy of each output of the last step");
  app.add_option("--weights", options.weights, "File of weights (.pt2 or .safetensors) in place of the bundle's");
  app.add_option("--seed", options.seed,
                 "Seed of initial values, windows and inputs that are not given; default: the bundle's");
  app.add_option("--threads", options.threads, "Threads of each rank; 0: the processors divided by the ranks")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout,
                 "Seconds that a rank on a GPU waits for the others when they connect, and in a collective")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--tune", tune,
                 "On a GPU, measure the ways to compute each form of matrix product before the first run and remember "
                 "the fastest; off: take cuBLASLt's first proposal, so that runs on GPUs of one kind round alike")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  app.add_flag("--share-gpus", options.shareGpus,
               "Let ranks share GPUs where there are fewer of them, for tests: ranks that are processes talk through the "
               "network then, and those of one process need a library in NCCL's place, as NCCL refuses them");
  app.add_option("--trace", options.trace,
                 "Write a trace for Perfetto; under mpirun each rank but the first adds its number to the name");
  app.add_option("--report", options.report,
                 "Write the report of raddle-compile, an HTML file, with the times that kernels took beside what this "
                 "machine's measured limits allow");
  app.add_option("--graph", options.graph,
                 "Write the graph that the second call on a GPU becomes to a file in DOT (Graphviz), those of further "
                 "entry points to its name with .1, .2 and so on; of the first rank");
  app.add_flag("--measure-limits", options.measureLimits,
               "Measure the machine's memory and matrix products for --report and --trace even where they are "
               "remembered from before");
  app.add_flag("--json", options.json, "Print one JSON object a step, and one with the summary at the end");
  try {
    app.parse(argc, argv);
    splitInputs(inputs, options);
  } catch (const CLI::Success &done) {
    app.exit(done);
    return std::nullopt;
  } catch (const CLI::ParseError &error) {
    std::cerr << "raddle-run: error: " << describeError(app, error) << "\n";
    failed = true;
    return std::nullopt;
  }
  options.cosine = schedule == "cosine";
  options.tune = tune == "on";
  options.labelsNext = labels == "next";
  return options;
}

} // namespace raddle::run

// The command line of raddle-run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace raddle::run {

struct Options {
  std::string bundle;
  std::optional<uint32_t> ranks;
  uint64_t steps = 1;
  std::string entry;
  std::string data, val;
  std::optional<uint64_t> sequenceLength;
  uint64_t valSteps = 8, valEvery = 0;
  bool labelsNext = false;
  std::optional<float> learningRate;
  uint64_t warmup = 0;
  bool cosine = false;
  std::vector<std::pair<std::string, std::string>> inputs; // name, file
  std::string output, weights, trace, report, graph;
  bool measureLimits = false, shareGpus = false;
  bool tune = true;
  std::optional<uint64_t> seed;
  unsigned threads = 0;
  uint64_t timeout = 600;
  bool json = false;
};

/// Parses the command line. Nothing when the program is done (after --help) or, with `failed` set, after an error that
/// has been printed.
std::optional<Options> parseOptions(int argc, char **argv, bool &failed);

} // namespace raddle::run

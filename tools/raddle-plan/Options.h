// The command line of raddle-plan.
#ifndef RADDLE_TOOLS_PLAN_OPTIONS_H
#define RADDLE_TOOLS_PLAN_OPTIONS_H

#include "raddle/Plan/Parameter.h"

namespace raddle::plan {

struct Options {
  std::string model;
  std::vector<int64_t> ranks;
  int64_t shardRanks = 0;
  Block block;
  bool wholeTensors = false;
  bool json = false;
  bool layout = false;
};

/// Parses the command line. Nothing when the program is done (after --help) or, with `failed` set, after errors that
/// have been printed.
std::optional<Options> parseOptions(int argc, char **argv, bool &failed);

/// Prints each as an error of the tool, a bounded number of them.
void printErrors(const std::vector<std::string> &problems);

} // namespace raddle::plan

#endif // RADDLE_TOOLS_PLAN_OPTIONS_H

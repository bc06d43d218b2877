#include "Options.h"

#include "../CommandLine.h"

#include <iostream>

namespace raddle::plan {

void printErrors(const std::vector<std::string> &problems) {
  constexpr size_t kMost = 50;
  for (size_t i = 0; i < problems.size() && i < kMost; ++i)
    std::cerr << "raddle-plan: error: " << problems[i] << "\n";
  if (problems.size() > kMost)
    std::cerr << "raddle-plan: error: and " << problems.size() - kMost << " more\n";
}

std::optional<Options> parseOptions(int argc, char **argv, bool &failed) {
  Options options;
  std::string block = "none";
  CLI::App app(
      "Plans where every parameter of a model lies when ranks share it: buckets of equal slices, one a rank, of "
      "which no boundary cuts a block. Prints a table, or one JSON object for each number of ranks.\n"
      "JSON: ranks, shard_ranks, elements, padded_elements, padding, lower_bound (the least elements a rank of "
      "these buckets, aligned), "
      "bytes_per_rank, gather_bytes (that a rank receives when every bucket is gathered once), "
      "copies, plan_seconds; with --layout also buckets: name, dtype, S (a rank's slice), scales_S (f32 scales in a "
      "rank's "
      "slice, one a block), and tensors: name, offset, elements, unit, block, part (of a matrix that blocks do not "
      "divide), "
      "begin (first element, counted in the part), scales. A block's scale is on the block's rank: `first` scales from "
      "`offset` of slice `rank` on, `middle` at the start of each following slice, `last` in the last of the `ranks` "
      "slices.",
      "raddle-plan");
  app.add_option(
         "MODEL", options.model,
         "A .pt2, a .safetensors, or JSON: {\"params\": [{\"name\": \"w\", \"shape\": [8, 8], \"dtype\": \"bf16\", "
         "\"bucket\": \"layers.0\", \"block\": [4, 4]}]}; bucket and block are optional")
      ->required();
  app.add_option("--ranks", options.ranks, "Numbers of ranks, with commas between them")->delimiter(',')->required();
  app.add_option("--block", block,
                 "What must stay whole of a matrix that names no block itself: RxC (tiles), rows:R or none")
      ->capture_default_str();
  app.add_option("--shard-ranks", options.shardRanks,
                 "Ranks that share one copy of the model; the groups hold copies. Default: all ranks");
  app.add_flag("--whole-tensors", options.wholeTensors,
               "Cut no tensor between buckets and store matrices row by row, as raddle-compile does");
  app.add_flag("--json", options.json, "Print one JSON object a line");
  app.add_flag("--layout", options.layout, "With --json: print every bucket and the place of every tensor");
  std::vector<std::string> problems;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &done) {
    app.exit(done);
    return std::nullopt;
  } catch (const CLI::ParseError &error) {
    problems.push_back(describeError(app, error));
  }
  if (std::optional<Block> parsed = parseBlock(block))
    options.block = *parsed;
  else
    problems.push_back("--block=" + block + ": expected RxC, rows:R or none, with R and C from 1 on");
  if (app.count("--shard-ranks") && options.shardRanks < 1)
    problems.push_back("--shard-ranks=" + std::to_string(options.shardRanks) + ": expected at least 1");
  if (options.layout && !options.json)
    problems.push_back("--layout is a part of --json");
  printErrors(problems);
  failed = !problems.empty();
  return failed ? std::nullopt : std::optional(options);
}

} // namespace raddle::plan

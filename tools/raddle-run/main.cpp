// raddle-run: executes bundles.

#include "Inputs.h"
#include "Options.h"
#include "Reporter.h"
#include "Schedule.h"

#include "raddle/Report/Report.h"
#include "raddle/runtime/Convert.h"
#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sys/stat.h>
#include <unistd.h>

namespace raddle::run {

using namespace raddle::runtime;
using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// An entry point with memory for what goes in and comes out: of two calls, as one may be under way while the results of
// the one before are read.
class Call {
public:
  Call(Session &session, const std::string &name, const Options &options, const TokenFile *tokens, uint64_t seed)
      : session(session), entry(session.findEntry(name)), inputs(session.entries()[entry], options, tokens, seed) {
    for (std::vector<void *> &set : pointers)
      for (const ArrayInfo &output : info().outputs) {
        memory.emplace_back();
        if (!memory.back().allocate(output.bytes()))
          throw Error("cannot allocate " + std::to_string(output.bytes()) + " bytes for output '" + output.name + "'");
        set.push_back(memory.back().data());
      }
  }

  const VariantInfo &info() const { return session.entries()[entry].variants[inputs.variant()]; }
  const void *output(uint64_t step, size_t index) const { return pointers[step % sets][index]; }

  /// Returns the number by which the session knows the call.
  uint64_t start(uint64_t step, std::optional<float> learningRate) {
    inputs.draw(step);
    return session.start(entry, inputs.variant(), inputs.arrays(), pointers[step % sets], learningRate);
  }

  // The floating-point outputs that are single numbers.
  std::vector<Metric> metrics(uint64_t step) const {
    std::vector<Metric> result;
    for (size_t i = 0; i < info().outputs.size(); ++i) {
      const ArrayInfo &array = info().outputs[i];
      double value;
      if (array.shape.empty() && convertElements(output(step, i), array.dtype, &value, DType::F64, 1))
        result.push_back({array.name, value});
    }
    return result;
  }

private:
  static constexpr uint64_t sets = 2;

  Session &session;
  size_t entry;
  Inputs inputs;
  std::vector<AlignedBuffer> memory;
  std::vector<void *> pointers[sets];
};

// The mean of each metric over batches of the validation file.
static std::vector<Metric> evaluate(Session &session, Call &call, uint64_t steps) {
  std::vector<Metric> sums;
  for (uint64_t step = 1; step <= steps; ++step) {
    session.finish(call.start(step, std::nullopt));
    std::vector<Metric> metrics = call.metrics(step);
    if (sums.empty())
      sums = metrics;
    else
      for (size_t i = 0; i < sums.size(); ++i)
        sums[i].value += metrics[i].value;
  }
  for (Metric &metric : sums)
    metric.value /= static_cast<double>(steps);
  return sums;
}

static void writeOutputs(const Call &call, uint64_t step, const std::string &folder) {
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    throw Error("cannot create folder '" + folder + "': " + std::strerror(errno));
  for (size_t i = 0; i < call.info().outputs.size(); ++i) {
    const ArrayInfo &output = call.info().outputs[i];
    // The name comes from the bundle: it must not lead out of the folder.
    if (output.name.find('/') != std::string::npos || output.name == "." || output.name == "..")
      throw Error("output '" + output.name + "' has a name that cannot be a file's");
    writeNpy(folder + "/" + output.name + ".npy", output.dtype, output.shape, call.output(step, i), output.isComplex);
  }
}

// Processes that run other programs, or make another number of calls, would exchange nonsense or wait for ever.
static void checkAgreement(const Options &options, Communicator &world) {
  struct Item {
    const char *name;
    uint64_t value;
  };
  // The preamble of a bundle has the hash of all that follows.
  constexpr std::streamoff kHashOffset = 16;
  uint64_t hash = 0;
  std::ifstream file(options.bundle, std::ios::binary);
  if (!file.seekg(kHashOffset).read(reinterpret_cast<char *>(&hash), sizeof(hash)))
    return; // the session says what is wrong with the file, and the others end with this process
  const Item items[] = {{"the bundle", hash},
                        {"--entry", std::hash<std::string>()(options.entry)},
                        {"--steps", options.steps},
                        {"--seed", options.seed.value_or(UINT64_MAX)},
                        {"--val", options.val.empty() ? 0 : options.valSteps},
                        {"--val-every", options.valEvery}};
  std::vector<uint64_t> mine, all(std::size(items) * world.size());
  for (const Item &item : items)
    mine.push_back(item.value);
  world.allGather(mine.data(), all.data(), mine.size() * sizeof(uint64_t));
  std::string different;
  for (size_t i = 0; i < mine.size(); ++i)
    for (size_t other = i; other < all.size(); other += mine.size())
      if (all[other] != all[i]) {
        different += (different.empty() ? "" : ", ") + std::string(items[i].name);
        break;
      }
  if (!different.empty())
    throw InvalidArgument("the processes were not started alike: they differ in " + different);
}

// Whether what the last step leaves can be written, before the first one: a training is long.
static void checkOutputs(const Options &options) {
  namespace fs = std::filesystem;
  std::error_code error;
  auto checkFolder = [&](const fs::path &folder, const std::string &what) {
    if (!fs::is_directory(folder, error))
      throw InvalidArgument(what + ": '" + folder.string() + "' is no folder");
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      throw InvalidArgument(what + ": cannot write into '" + folder.string() + "': " + std::strerror(errno));
  };
  auto checkParent = [&](const std::string &path, const std::string &what) {
    checkFolder(fs::absolute(path, error).lexically_normal().parent_path(), what);
  };
  if (!options.output.empty() && fs::exists(options.output, error))
    checkFolder(options.output, "--output");
  else if (!options.output.empty())
    checkParent(options.output, "--output");
  for (const auto &[path, what] : {std::pair(options.trace, "--trace"), std::pair(options.report, "--report")}) {
    if (path.empty())
      continue;
    if (fs::is_directory(path, error))
      throw InvalidArgument(what + (": '" + path) + "' is a folder");
    checkParent(path, what);
  }
}

static bool hasInput(const Session &session, const std::string &entry, bundle::InputRole role) {
  const bundle::Variant &variant = *session.bundle().entries()->Get(session.findEntry(entry))->variants()->Get(0);
  for (size_t i = 0; variant.inputs() && i < variant.inputs()->size(); ++i)
    if (variant.inputs()->Get(i)->role() == role)
      return true;
  return false;
}

static std::string chooseEntry(const Session &session, const Options &options) {
  if (!options.entry.empty())
    return options.entry;
  for (const EntryInfo &entry : session.entries())
    if (entry.name == "train_step")
      return entry.name;
  return "main";
}

// "trace.json" for rank 0, "trace.rank3.json" for others that are processes.
static std::string traceName(const std::string &path, int rank) {
  if (rank == 0)
    return path;
  size_t dot = path.rfind('.'), slash = path.rfind('/');
  bool suffix = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  std::string number = ".rank" + std::to_string(rank);
  return suffix ? path.substr(0, dot) + number + path.substr(dot) : path + number;
}

/// Starts steps and reports each when it has ended: on a GPU while the next one is under way.
class StepReports {
public:
  StepReports(Session &session, Call &call, Reporter &reporter) : session(session), call(call), reporter(reporter) {}

  void start(uint64_t step, std::optional<float> rate) {
    Step next{step, 0, rate, Clock::now(), session.launchSeconds()};
    next.call = call.start(step, rate);
    next.launchSeconds = session.launchSeconds() - next.launchSeconds;
    finish();
    open = next;
    if (!session.isAsynchronous())
      finish();
  }

  /// Reports the step that is under way.
  void finish() {
    if (!open)
      return;
    Step step = *open;
    open.reset();
    session.finish(step.call);
    // The GPU begins it when the one before has ended.
    double seconds = secondsSince(std::max(step.begin, ended));
    ended = Clock::now();
    reporter.step(step.number, call.metrics(step.number), step.rate, seconds, step.launchSeconds);
  }

private:
  struct Step {
    uint64_t number, call;
    std::optional<float> rate;
    Clock::time_point begin;
    double launchSeconds;
  };
  Session &session;
  Call &call;
  Reporter &reporter;
  std::optional<Step> open;
  Clock::time_point ended;
};

// All processes take part in what is measured, the first one writes.
static void report(const Session &session, const std::string &path, bool first) {
  Measurements measured = session.measurements();
  std::optional<std::string> problem = first ? writeReport(session.bundle(), path, measured) : std::nullopt;
  if (problem)
    throw Error(*problem);
}

static void run(const Options &options, const std::shared_ptr<Communicator> &world,
                const std::optional<Launch> &launch) {
  checkOutputs(options);
  if (world)
    checkAgreement(options, *world);
  SessionOptions sessionOptions;
  sessionOptions.weights = options.weights;
  sessionOptions.seed = options.seed;
  sessionOptions.threads = options.threads;
  sessionOptions.trace = !options.trace.empty() || !options.report.empty();
  sessionOptions.measureLimits = options.measureLimits;
  sessionOptions.world = world;
  sessionOptions.launch = launch;
  sessionOptions.patience = std::chrono::seconds(options.timeout);
  Session session(options.bundle, sessionOptions);
  if (options.ranks && *options.ranks != session.ranks())
    throw InvalidArgument("--ranks is " + std::to_string(*options.ranks) + ", the bundle is for " +
                          std::to_string(session.ranks()) + " ranks");
  std::string entry = chooseEntry(session, options);
  uint64_t seed = options.seed.value_or(session.bundle().seed());
  std::unique_ptr<TokenFile> data, val;
  if (!options.data.empty())
    data = std::make_unique<TokenFile>(options.data);
  if (!options.val.empty())
    val = std::make_unique<TokenFile>(options.val);
  Call call(session, entry, options, data.get(), seed);
  std::unique_ptr<Call> evaluation;
  if (val)
    evaluation = std::make_unique<Call>(session, "eval", options, val.get(), seed);

  bool first = session.firstRank() == 0;
  Reporter reporter(options, first);
  std::optional<float> rate;
  float peak = options.learningRate.value_or(session.bundle().learning_rate());
  bool usesRate = hasInput(session, entry, bundle::InputRole::LearningRate);
  Clock::time_point start = Clock::now();
  StepReports reports(session, call, reporter);
  for (uint64_t step = 1; step <= options.steps; ++step) {
    if (usesRate)
      rate = learningRateAt(options, peak, step);
    reports.start(step, rate);
    if (evaluation && (step == options.steps || (options.valEvery != 0 && step % options.valEvery == 0))) {
      reports.finish();
      reporter.evaluation(step, evaluate(session, *evaluation, options.valSteps));
    }
  }
  reports.finish();
  reporter.summary(session, entry, secondsSince(start));
  if (!options.output.empty() && first)
    writeOutputs(call, options.steps, options.output);
  if (!options.trace.empty())
    session.writeTrace(traceName(options.trace, session.firstRank()));
  if (!options.report.empty())
    report(session, options.report, first);
}

} // namespace raddle::run

int main(int argc, char **argv) {
  using namespace raddle;
  bool failed = false;
  std::optional<run::Options> options = run::parseOptions(argc, argv, failed);
  if (!options)
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
  std::shared_ptr<runtime::Communicator> world;
  try {
    std::optional<runtime::Launch> launch = runtime::launchedByTorchrun();
    // A rank alone has nobody to find.
    if (launch && launch->ranks == 1)
      launch.reset();
    else if (!launch && runtime::startedByMpi())
      world = runtime::connectMpi();
    run::run(*options, world, launch);
    if (!std::cout.flush())
      throw runtime::Error("cannot write all results to standard output");
    return EXIT_SUCCESS;
  } catch (const std::bad_alloc &) {
    std::cerr << "raddle-run: error: out of memory" << std::endl;
  } catch (const std::exception &error) {
    std::cerr << "raddle-run: error: " << error.what() << std::endl;
  }
  // Other processes wait for this one in a collective.
  if (world)
    world->abort();
  return EXIT_FAILURE;
}

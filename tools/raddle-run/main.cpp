// raddle-run: executes bundles.

#include "Call.h"
#include "Checks.h"
#include "Schedule.h"

#include "raddle/Report/Report.h"
#include "raddle/runtime/Error.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace raddle::run {

using namespace raddle::runtime;
using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
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

// All processes take part in what is measured, the first one writes.
static void report(const Session &session, const std::string &path, bool first) {
  Measurements measured = session.measurements();
  std::optional<std::string> problem = first ? writeReport(session.bundle(), path, measured) : std::nullopt;
  if (problem)
    throw Error(*problem);
}

// Says how far measuring is, on a terminal as it goes on, elsewhere in one line if it took long.
static std::function<void(size_t, size_t)> showTuning() {
  return [begin = Clock::now()](size_t done, size_t all) {
    if (::isatty(STDERR_FILENO))
      std::cerr << "\r\033[K"
                << (done < all ? "measuring matrix products: " + std::to_string(done) + "/" + std::to_string(all) : "")
                << std::flush;
    else if (done == all && secondsSince(begin) > 1)
      std::cerr << "measured " << all << " forms of matrix products, which are remembered\n";
  };
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
  sessionOptions.shareGpus = options.shareGpus;
  sessionOptions.patience = std::chrono::seconds(options.timeout);
  sessionOptions.tune = options.tune;
  sessionOptions.graphFile = options.graph;
  if (launch ? launch->rank == 0 : !world || world->rank() == 0)
    sessionOptions.tuning = showTuning();
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
  if (options.shareGpus && first)
    std::cerr << "raddle-run: ranks share GPUs where there are fewer of them (--share-gpus)" << std::endl;
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

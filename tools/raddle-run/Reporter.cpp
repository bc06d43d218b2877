#include "Reporter.h"

#include "raddle/runtime/JsonText.h"

#include <cstdio>
#include <iostream>
#include <unistd.h>

namespace raddle::run {

using runtime::jsonNumber;
using runtime::jsonString;

Reporter::Reporter(const Options &options, bool active)
    : options(options), active(active), bar(active && options.steps > 1 && ::isatty(STDERR_FILENO)) {}

static std::string readable(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

void Reporter::eraseProgress() const {
  if (bar)
    std::cerr << "\r\033[K" << std::flush;
}

void Reporter::progress(uint64_t step) const {
  if (!bar)
    return;
  constexpr uint64_t width = 40;
  uint64_t filled = width * step / options.steps;
  std::cerr << "\r[" << std::string(filled, '#') << std::string(width - filled, '.') << "] " << step << "/"
            << options.steps << std::flush;
}

void Reporter::printLine(const std::string &line) const {
  eraseProgress();
  std::cout << line << std::endl;
}

static std::string describe(const runtime::DeviceCalls &device) {
  std::string text = ",\"launch_seconds\":" + jsonNumber(device.seconds());
  for (const runtime::DevicePhase &phase : runtime::devicePhases)
    text += "," + jsonString(phase.key) + ":" + jsonNumber(device.*phase.seconds);
  return text + ",\"graph_launches\":" + std::to_string(device.graphLaunches) +
         ",\"single_instructions\":" + std::to_string(device.singleInstructions) +
         ",\"device_allocations\":" + std::to_string(device.allocations) +
         ",\"synchronisations\":" + std::to_string(device.synchronisations);
}

static std::string describe(const std::vector<runtime::GraphCensus> &graphs) {
  std::string text;
  for (const runtime::GraphCensus &graph : graphs) {
    text += (text.empty() ? "{\"entry\":" : ",{\"entry\":") + jsonString(graph.entry) +
            ",\"nodes\":" + std::to_string(graph.nodes());
    for (const runtime::GraphCount &each : runtime::graphCounts)
      text += "," + jsonString(each.key) + ":" + std::to_string(graph.*each.count);
    text += "}";
  }
  return ",\"graphs\":[" + text + "]";
}

void Reporter::step(uint64_t step, const std::vector<Metric> &metrics, std::optional<float> learningRate,
                    double seconds, const runtime::DeviceCalls &device) {
  for (const Metric &metric : metrics)
    if (metric.name == "loss") {
      firstLoss = firstLoss ? firstLoss : metric.value;
      lastLoss = metric.value;
    }
  if (!active)
    return;
  std::string line = options.json ? "{\"step\":" + std::to_string(step) : "step " + std::to_string(step);
  for (const Metric &metric : metrics)
    line += options.json ? "," + jsonString(metric.name) + ":" + jsonNumber(metric.value)
                         : "  " + metric.name + " " + readable(metric.value);
  if (learningRate)
    line += options.json ? ",\"lr\":" + jsonNumber(*learningRate) : "  lr " + readable(*learningRate);
  line += options.json ? ",\"seconds\":" + jsonNumber(seconds) : "  seconds " + readable(seconds);
  if (options.json && device.seconds() > 0)
    line += describe(device);
  line += options.json ? "}" : "";
  printLine(line);
  progress(step);
}

void Reporter::evaluation(uint64_t step, const std::vector<Metric> &metrics) {
  if (!active)
    return;
  std::string line =
      options.json ? "{\"eval_after_step\":" + std::to_string(step) : "evaluation after step " + std::to_string(step);
  for (const Metric &metric : metrics)
    line += options.json ? "," + jsonString("val_" + metric.name) + ":" + jsonNumber(metric.value)
                         : "  " + metric.name + " " + readable(metric.value);
  printLine(line + (options.json ? "}" : ""));
}

void Reporter::summary(const runtime::Session &session, const std::string &entry, double seconds) {
  runtime::Statistics statistics = session.statistics();
  if (!active)
    return;
  for (const runtime::GraphCensus &graph : statistics.graphs)
    if (!graph.drawingError.empty())
      std::cerr << "raddle-run: " << graph.drawingError << std::endl;
  if (!options.json) {
    printLine(std::to_string(options.steps) + " calls of " + entry + " on " + std::to_string(session.ranks()) +
              " ranks in " + readable(seconds) + " seconds; state " + std::to_string(statistics.stateBytes) +
              ", arena " + std::to_string(statistics.arenaBytes) + " and workspace " +
              std::to_string(statistics.workspaceBytes) + " bytes a rank");
    return;
  }
  std::string line = "{\"summary\":true,\"entry\":" + jsonString(entry) +
                     ",\"ranks\":" + std::to_string(session.ranks()) + ",\"steps\":" + std::to_string(options.steps) +
                     ",\"seconds\":" + jsonNumber(seconds);
  if (firstLoss)
    line += ",\"loss_first\":" + jsonNumber(*firstLoss) + ",\"loss_last\":" + jsonNumber(*lastLoss);
  printLine(line + ",\"state_bytes\":" + std::to_string(statistics.stateBytes) +
            ",\"arena_bytes\":" + std::to_string(statistics.arenaBytes) +
            ",\"workspace_bytes\":" + std::to_string(statistics.workspaceBytes) +
            ",\"planned_bytes\":" + std::to_string(statistics.plannedBytes) +
            ",\"bytes_communicated\":" + std::to_string(statistics.bytesCommunicated) +
            ",\"bytes_copied\":" + std::to_string(statistics.bytesCopied) +
            ",\"peak_resident_bytes\":" + std::to_string(statistics.peakResidentBytes) + ",\"resident_growth_bytes\":" +
            std::to_string(statistics.residentGrowthBytes) + describe(statistics.device) + describe(statistics.graphs) +
            ",\"blas\":" + jsonString(statistics.blas) + "}");
}

} // namespace raddle::run

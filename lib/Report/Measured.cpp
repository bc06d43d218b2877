#include "Measured.h"

#include "Html.h"

namespace raddle::report {

void WorkSum::add(const bundle::Bundle &bundle, const bundle::Instruction &instruction, const Measurements &measured) {
  runtime::Work own = runtime::workOf(bundle, instruction);
  ++instructions;
  work.bytes += own.bytes;
  work.flops += own.flops;
  if (measured.limits)
    least += measured.limits->leastSeconds(own);
  auto found = measured.instructions.find(&instruction);
  if (found != measured.instructions.end())
    took += found->second.mean();
}

void WorkSum::add(const WorkSum &other) {
  instructions += other.instructions;
  work.bytes += other.work.bytes;
  work.flops += other.work.flops;
  took += other.took;
  least += other.least;
}

static std::string formatMilliseconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", 1e3 * seconds);
  return text;
}

static std::string formatGiga(double perSecond) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", 1e-9 * perSecond);
  return text;
}

std::vector<std::string> measuredHeadings(const WorkSum &all, const Measurements &measured) {
  std::vector<std::string> headings;
  if (all.seconds() > 0)
    headings = {"ms", "GB/s", "GFLOP/s"};
  if (measured.limits)
    headings.push_back("ms at the limits");
  if (all.seconds() > 0 && measured.limits)
    headings.push_back("of the limit");
  return headings;
}

std::vector<std::string> measuredCells(const WorkSum &row, const WorkSum &all, const Measurements &measured) {
  std::vector<std::string> cells;
  if (all.seconds() > 0 && row.seconds() > 0)
    cells = {formatMilliseconds(row.seconds()), formatGiga(row.bytes() / row.seconds()),
             formatGiga(row.flops() / row.seconds())};
  else if (all.seconds() > 0)
    cells = {"–", "–", "–"};
  if (measured.limits)
    cells.push_back(formatMilliseconds(row.leastSeconds()));
  if (all.seconds() > 0 && measured.limits)
    cells.push_back(formatShare(row.leastSeconds(), row.seconds()));
  return cells;
}

std::string explainMeasured(const WorkSum &all, const Measurements &measured) {
  std::string text;
  if (all.seconds() > 0)
    text = " They take " + formatMilliseconds(all.seconds()) + " ms, the mean of ranks and calls.";
  if (measured.limits)
    text += " At the machine's limits they would take " + formatMilliseconds(all.leastSeconds()) +
            " ms: the longer of bytes and FLOP, each by its own limit; what is in a cache already can be faster.";
  return text;
}

} // namespace raddle::report

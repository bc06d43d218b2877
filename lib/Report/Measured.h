// Work and time of instructions that share a row of a table, beside what the machine allows.
#ifndef RADDLE_LIB_REPORT_MEASURED_H
#define RADDLE_LIB_REPORT_MEASURED_H

#include "Instructions.h"
#include "raddle/runtime/Measurements.h"
#include <vector>

namespace raddle::report {

using runtime::Measurements;

/// What some instructions of a program do in one call of it.
class WorkSum {
public:
  void add(const bundle::Bundle &bundle, const bundle::Instruction &instruction, const Measurements &measured);
  void add(const WorkSum &other);

  uint64_t count() const { return instructions; }
  double bytes() const { return static_cast<double>(work.bytes); }
  double flops() const { return work.flops; }
  /// Zero where the instructions were not measured.
  double seconds() const { return took; }
  /// The sum of what the limits allow for each.
  double leastSeconds() const { return least; }

private:
  uint64_t instructions = 0;
  runtime::Work work;
  double took = 0, least = 0;
};

/// The headings of the columns that `measuredCells` fills: none without limits and times.
std::vector<std::string> measuredHeadings(const WorkSum &all, const Measurements &measured);
/// Time in ms, and what was achieved; dashes for what was not measured. `all` says which columns there are.
std::vector<std::string> measuredCells(const WorkSum &row, const WorkSum &all, const Measurements &measured);

/// One sentence on the limits and on where the times are from.
std::string explainMeasured(const WorkSum &all, const Measurements &measured);

} // namespace raddle::report

#endif // RADDLE_LIB_REPORT_MEASURED_H

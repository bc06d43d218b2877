// A report on a bundle for people: one HTML file without outside links.
#ifndef RADDLE_REPORT_REPORT_H
#define RADDLE_REPORT_REPORT_H

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/Measurements.h"
#include <optional>
#include <string>

namespace raddle {

/// Writes a report on `bundle` to the file `path`: totals, then for each variant of each entry point the arena's memory
/// over the instructions, the schedule by stream, kernels, library calls and collectives, and last the buckets with
/// their tensors and padding. Sizes are of one rank where nothing else is said. Kernels and library calls have the time
/// that `measured` has for them, what they achieve, and what its limits allow; instructions are those of `bundle`.
///
/// `bundle` has to be one that the bundle's verifier accepts. The file appears complete or not at all. Returns what
/// went wrong, or nothing.
std::optional<std::string> writeReport(const bundle::Bundle &bundle, const std::string &path,
                                       const runtime::Measurements &measured = {});

} // namespace raddle

#endif // RADDLE_REPORT_REPORT_H

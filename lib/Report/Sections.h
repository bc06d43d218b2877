// The report's sections, each a piece of HTML.
#ifndef RADDLE_LIB_REPORT_SECTIONS_H
#define RADDLE_LIB_REPORT_SECTIONS_H

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/Measurements.h"
#include <string>

namespace raddle::report {

/// Style sheet, for light and dark screens.
const char *styleSheet();

/// Width of every chart, in its own units. Memory and schedule share it, so that instructions stand above each other.
constexpr double chartWidth = 1100;
constexpr double marginLeft = 110;
constexpr double marginRight = 10;
constexpr double plotWidth = chartWidth - marginLeft - marginRight;

std::string totalsSection(const bundle::Bundle &bundle, const runtime::Measurements &measured);
/// Nothing where no program became a graph of a GPU.
std::string graphSection(const runtime::Measurements &measured);
std::string memorySection(const bundle::Variant &variant);
std::string scheduleSection(const bundle::Bundle &bundle, const bundle::Variant &variant);
std::string kernelSection(const bundle::Bundle &bundle, const bundle::Variant &variant,
                          const runtime::Measurements &measured);
std::string librarySection(const bundle::Bundle &bundle, const bundle::Variant &variant,
                           const runtime::Measurements &measured);
std::string collectiveSection(const bundle::Bundle &bundle, const bundle::Variant &variant);
std::string bucketSection(const bundle::Bundle &bundle);

} // namespace raddle::report

#endif // RADDLE_LIB_REPORT_SECTIONS_H

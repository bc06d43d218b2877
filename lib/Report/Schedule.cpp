#include "Html.h"
#include "Instructions.h"
#include "Sections.h"

#include <algorithm>

using namespace raddle::bundle;

namespace raddle::report {

namespace {

constexpr double laneHeight = 34;
constexpr double laneGap = 8;
constexpr double axisHeight = 20;
// Narrower ones would vanish.
constexpr double narrowest = 0.6;

std::string streamName(uint32_t stream) {
  if (stream == 0)
    return "compute";
  return stream == 1 ? "communication" : "stream " + std::to_string(stream);
}

std::string legend() {
  std::string html = "<p class='legend'>";
  for (Kind kind : allKinds)
    html += std::string("<span><i class='") + styleOf(kind) + "'></i>" + legendOf(kind) + "</span> ";
  return html + "</p>";
}

} // namespace

std::string scheduleSection(const Bundle &bundle, const Variant &variant) {
  Range instructions(variant.instructions());
  uint32_t streams = 1;
  for (const Instruction *instruction : instructions)
    streams = std::max(streams, instruction->stream() + 1);
  double step = plotWidth / static_cast<double>(std::max<size_t>(instructions.size(), 1));
  Svg svg(chartWidth, streams * (laneHeight + laneGap) + axisHeight, "instructions by stream");
  for (uint32_t stream = 0; stream < streams; ++stream) {
    double y = stream * (laneHeight + laneGap);
    svg.text(marginLeft - laneGap, y + laneHeight / 2, "end", streamName(stream));
    svg.rect(marginLeft, y, plotWidth, laneHeight, "frame");
  }
  size_t index = 0;
  for (const Instruction *instruction : instructions) {
    svg.rect(marginLeft + step * static_cast<double>(index), instruction->stream() * (laneHeight + laneGap),
             std::max(step, narrowest), laneHeight, styleOf(kindOf(*instruction)),
             std::to_string(index) + " " + describe(bundle, *instruction));
    ++index;
  }
  double bottom = streams * (laneHeight + laneGap) + axisHeight / 2;
  svg.text(marginLeft, bottom, "start", "instruction 0");
  svg.text(marginLeft + plotWidth, bottom, "end", std::to_string(instructions.size()));
  return "<h3>Schedule</h3><p>" + formatInteger(instructions.size()) +
         " instructions in the order in which they are issued, one column each; a wait holds its stream until another "
         "one has recorded the event.</p>" +
         legend() + svg.html();
}

} // namespace raddle::report

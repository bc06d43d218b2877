#include "Html.h"
#include "Instructions.h"
#include "Sections.h"

#include <algorithm>

using namespace raddle::bundle;

namespace raddle::report {

namespace {

constexpr double areaHeight = 160;
constexpr double mapHeight = 260;
constexpr double marginTop = 18;
// Rectangles of less than this share of the arena would be thinner than a line.
constexpr double smallestShare = 0.002;
constexpr size_t largestShown = 12;
constexpr size_t numColours = 6;
// Width of a letter of a chart, in its units.
constexpr double letterWidth = 6;

struct Curve {
  std::vector<uint64_t> live; // bytes during each instruction
  size_t peak = 0;            // the first instruction with the most
};

Curve measure(const Variant &variant) {
  Curve curve;
  size_t count = Range(variant.instructions()).size();
  std::vector<int64_t> change(count + 1, 0);
  for (const Allocation *allocation : Range(variant.allocations())) {
    if (allocation->first() >= count || allocation->last() < allocation->first())
      continue;
    change[allocation->first()] += static_cast<int64_t>(allocation->bytes());
    change[std::min<size_t>(allocation->last() + size_t(1), count)] -= static_cast<int64_t>(allocation->bytes());
  }
  int64_t now = 0;
  for (size_t i = 0; i < count; ++i)
    curve.live.push_back(static_cast<uint64_t>(now += change[i]));
  if (count != 0)
    curve.peak = static_cast<size_t>(std::max_element(curve.live.begin(), curve.live.end()) - curve.live.begin());
  return curve;
}

std::string labelOf(const Allocation &allocation) {
  return textOf(allocation.name()) + "\n" + formatBytes(static_cast<double>(allocation.bytes())) + " at " +
         formatInteger(allocation.offset()) + "\ninstructions " + std::to_string(allocation.first()) + " to " +
         std::to_string(allocation.last());
}

std::string instructionName(const Variant &variant, size_t index) {
  std::string name = textOf(variant.instructions()->Get(static_cast<uint32_t>(index))->name());
  return name.empty() ? "" : " (" + name + ")";
}

std::string areaChart(const Variant &variant, const Curve &curve) {
  double scale = static_cast<double>(std::max(variant.arena_bytes(), curve.live[curve.peak]));
  double step = plotWidth / static_cast<double>(curve.live.size()), bottom = marginTop + areaHeight;
  auto height = [&](uint64_t bytes) { return areaHeight * static_cast<double>(bytes) / scale; };
  Svg svg(chartWidth, bottom + marginTop, "arena memory by instruction");
  std::vector<std::pair<double, double>> outline{{marginLeft, bottom}};
  for (size_t i = 0; i < curve.live.size(); ++i)
    for (size_t edge : {i, i + 1})
      outline.emplace_back(marginLeft + step * static_cast<double>(edge), bottom - height(curve.live[i]));
  outline.emplace_back(marginLeft + plotWidth, bottom);
  svg.polygon(outline, "area");
  double arena = bottom - height(variant.arena_bytes());
  svg.line(marginLeft, arena, marginLeft + plotWidth, arena, "limit");
  svg.text(marginLeft - letterWidth, arena + letterWidth, "end",
           formatBytes(static_cast<double>(variant.arena_bytes())));
  svg.line(marginLeft, bottom, marginLeft + plotWidth, bottom, "axis");
  svg.text(marginLeft - letterWidth, bottom, "end", "0");
  double x = marginLeft + step * (static_cast<double>(curve.peak) + 0.5), y = bottom - height(curve.live[curve.peak]);
  svg.circle(x, y, letterWidth / 2, "peak");
  bool left = x < marginLeft + plotWidth / 2;
  svg.text(left ? x + letterWidth : x - letterWidth, std::max(y - letterWidth, marginTop - letterWidth),
           left ? "start" : "end",
           "peak " + formatBytes(static_cast<double>(curve.live[curve.peak])) + " at instruction " +
               std::to_string(curve.peak) + instructionName(variant, curve.peak));
  return svg.html();
}

// Each allocation is a rectangle: instructions from left to right, addresses from top to bottom.
std::string addressMap(const Variant &variant, size_t count) {
  double step = plotWidth / static_cast<double>(count), arena = static_cast<double>(variant.arena_bytes());
  Svg svg(chartWidth, mapHeight + 2 * marginTop, "addresses of allocations by instruction");
  svg.text(marginLeft - letterWidth, marginTop + letterWidth, "end", "address 0");
  svg.text(marginLeft - letterWidth, marginTop + mapHeight, "end", formatBytes(arena));
  size_t colour = 0;
  for (const Allocation *allocation : Range(variant.allocations())) {
    double bytes = static_cast<double>(allocation->bytes());
    if (bytes < smallestShare * arena)
      continue;
    double x = marginLeft + step * allocation->first();
    double width = step * (static_cast<double>(allocation->last()) - allocation->first() + 1);
    double y = marginTop + mapHeight * static_cast<double>(allocation->offset()) / arena,
           height = mapHeight * bytes / arena;
    svg.rect(x, y, width, height, "block tint" + std::to_string(colour++ % numColours), labelOf(*allocation));
    std::string name = textOf(allocation->name());
    if (height > 2 * letterWidth && width > letterWidth * static_cast<double>(name.size() + 1))
      svg.text(x + letterWidth / 2, y + 2 * letterWidth, "start", name);
  }
  svg.rect(marginLeft, marginTop, plotWidth, mapHeight, "frame");
  return svg.html();
}

std::string largestAtPeak(const Variant &variant, const Curve &curve) {
  std::vector<const Allocation *> alive;
  for (const Allocation *allocation : Range(variant.allocations()))
    if (allocation->first() <= curve.peak && curve.peak <= allocation->last())
      alive.push_back(allocation);
  std::sort(alive.begin(), alive.end(),
            [](const Allocation *a, const Allocation *b) { return a->bytes() > b->bytes(); });
  Table table({"alive at the peak", "bytes", "of the peak", "from", "to"});
  for (size_t i = 0; i < std::min(alive.size(), largestShown); ++i)
    table.add({textOf(alive[i]->name()), formatInteger(alive[i]->bytes()),
               formatShare(static_cast<double>(alive[i]->bytes()), static_cast<double>(curve.live[curve.peak])),
               std::to_string(alive[i]->first()), std::to_string(alive[i]->last())});
  return "<details><summary>" + std::to_string(alive.size()) +
         " allocations are alive at the peak; the largest</summary>" + table.html() + "</details>";
}

} // namespace

std::string memorySection(const Variant &variant) {
  Curve curve = measure(variant);
  if (curve.live.empty() || variant.arena_bytes() == 0)
    return "<h3>Memory</h3><p>The program keeps nothing in the arena.</p>";
  return "<h3>Memory</h3><p>Live bytes of the arena, instruction by instruction. The dashed line is the arena; what "
         "lies "
         "between it and the peak is lost to gaps.</p>" +
         areaChart(variant, curve) +
         "<p>Addresses: a rectangle is a buffer, as wide as its life. Point at one for its name.</p>" +
         addressMap(variant, curve.live.size()) + largestAtPeak(variant, curve);
}

} // namespace raddle::report

#include "Html.h"
#include "Instructions.h"
#include "Sections.h"
#include "raddle/Bundle/Mesh.h"

#include <algorithm>

using namespace raddle::bundle;

namespace raddle::report {

namespace {

constexpr double barTop = 16;
constexpr double barHeight = 30;
constexpr double barMargin = 6;
constexpr size_t numColours = 6;
constexpr uint32_t mostBoundaries = 16;

std::vector<const Parameter *> tensorsOf(const Bundle &bundle, size_t bucket) {
  std::vector<const Parameter *> tensors;
  for (const Parameter *parameter : Range(bundle.parameters()))
    if (parameter->bucket() >= 0 && static_cast<size_t>(parameter->bucket()) == bucket)
      tensors.push_back(parameter);
  std::sort(tensors.begin(), tensors.end(),
            [](const Parameter *a, const Parameter *b) { return a->offset() < b->offset(); });
  return tensors;
}

uint64_t divideUp(uint64_t value, uint64_t divisor) {
  return divisor == 0 ? 0 : value / divisor + (value % divisor != 0);
}

// "0" or "0 to 2": the ranks whose slices hold a part of the tensor.
std::string ranksOf(const Parameter &parameter, uint64_t shard) {
  uint64_t elements = elementsOf(parameter.shape());
  if (shard == 0 || elements == 0)
    return "–";
  uint64_t first = parameter.offset() / shard, last = (parameter.offset() + elements - 1) / shard;
  return first == last ? std::to_string(first) : std::to_string(first) + " to " + std::to_string(last);
}

std::string bar(const Bucket &bucket, const std::vector<const Parameter *> &tensors, uint32_t ranks) {
  double whole = static_cast<double>(bucket.shard_elements()) * ranks;
  Svg svg(chartWidth, barTop + barHeight + barMargin, "tensors of bucket " + textOf(bucket.name()));
  double width = chartWidth - 2 * barMargin;
  svg.rect(barMargin, barTop, width, barHeight, "padding", "padding");
  for (size_t i = 0; i < tensors.size(); ++i) {
    uint64_t elements = elementsOf(tensors[i]->shape());
    svg.rect(barMargin + width * static_cast<double>(tensors[i]->offset()) / whole, barTop,
             width * static_cast<double>(elements) / whole, barHeight, "block tint" + std::to_string(i % numColours),
             textOf(tensors[i]->name()) + "\n" + formatShape(tensors[i]->shape()) + " at " +
                 formatInteger(tensors[i]->offset()));
  }
  // Of many ranks some boundaries, so that the page stays small and the names apart.
  uint64_t step = divideUp(ranks, mostBoundaries);
  for (uint64_t rank = 0; rank <= ranks; rank += step) {
    double x = barMargin + width * static_cast<double>(rank) / ranks;
    svg.line(x, barTop / 2, x, barTop + barHeight + barMargin / 2, "boundary");
    if (rank < ranks)
      svg.text(x + width / ranks / 2, barTop - barMargin / 2, "middle", "rank " + std::to_string(rank));
  }
  return svg.html();
}

std::string describeBucket(const Bundle &bundle, const Bucket &bucket, size_t index) {
  std::vector<const Parameter *> tensors = tensorsOf(bundle, index);
  uint64_t whole = bucket.shard_elements() * shardRanks(bundle), used = 0;
  Table table({"tensor", "shape", "offset", "elements", "ranks"});
  for (const Parameter *tensor : tensors) {
    used += elementsOf(tensor->shape());
    table.add({textOf(tensor->name()), formatShape(tensor->shape()), formatInteger(tensor->offset()),
               formatInteger(elementsOf(tensor->shape())), ranksOf(*tensor, bucket.shard_elements())});
  }
  std::string html = "<h4>" + escape(textOf(bucket.name())) + "</h4><p>" + formatInteger(whole) + " elements of " +
                     EnumNameDType(bucket.dtype()) + ", " + formatInteger(bucket.shard_elements()) + " a rank where " +
                     formatInteger(divideUp(used, bundle.ranks())) + " are the least, padding " +
                     formatShare(static_cast<double>(whole - std::min(used, whole)), static_cast<double>(used)) +
                     "</p>";
  if (whole != 0)
    html += bar(bucket, tensors, shardRanks(bundle));
  return html + "<details><summary>" + std::to_string(tensors.size()) + " tensors</summary>" + table.html() +
         "</details>";
}

} // namespace

std::string bucketSection(const Bundle &bundle) {
  Range buckets(bundle.buckets());
  if (buckets.size() == 0)
    return "";
  std::string html = "<h2>Buckets</h2><p>A bucket holds the parameters of a layer. It is cut into equal slices, one a "
                     "rank; hatched parts belong to no tensor. Point at a tensor for its name.</p>";
  size_t index = 0;
  for (const Bucket *bucket : buckets)
    html += describeBucket(bundle, *bucket, index++);
  return html;
}

} // namespace raddle::report

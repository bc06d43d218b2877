#include "Output.h"

#include "raddle/Plan/Arithmetic.h"
#include "raddle/Plan/Scales.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;

namespace raddle::plan {

/// The block that was asked for, `[R, C]`; whole rows are as wide as the matrix.
static json::Value blockOf(const Parameter &parameter, const PlanOptions &options) {
  Block block = parameter.block.value_or(options.block);
  bool isMatrix = parameter.shape.size() >= 2;
  if (block.kind == Block::Kind::None || (!isMatrix && !parameter.block))
    return nullptr;
  if (block.kind == Block::Kind::Tile)
    return json::Array{block.rows, block.columns};
  return json::Array{block.rows, parameter.shape.empty() ? 1 : parameter.shape.back()};
}

/// Where the scales of a slot's blocks lie in the bucket of the scales.
static void printScales(json::OStream &out, const ScaleSlot &scales) {
  out.attributeObject("scales", [&] {
    out.attribute("rank", scales.rank);
    out.attribute("ranks", scales.ranks);
    out.attribute("offset", scales.offset);
    out.attribute("first", scales.first);
    out.attribute("middle", scales.middle);
    out.attribute("last", scales.last);
  });
}

static void printBucket(json::OStream &out, const std::vector<Parameter> &parameters, const PlanOptions &options,
                        const PlannedBucket &bucket) {
  constexpr int kScaleBits = 32;
  ScaleLayout scales = layOutScales(bucket, parameters, options, kScaleBits);
  out.object([&] {
    out.attribute("name", json::fixUTF8(bucket.name));
    out.attribute("dtype", json::fixUTF8(bucket.dtype));
    out.attribute("S", bucket.shard);
    if (scales.scales > 0)
      out.attribute("scales_S", scales.shard);
    out.attributeArray("tensors", [&] {
      for (auto [slot, slotScales] : zip(bucket.slots, scales.slots))
        out.object([&, &slot = slot, &slotScales = slotScales] {
          out.attribute("name", json::fixUTF8(parameters[slot.parameter].name));
          out.attribute("offset", slot.offset);
          out.attribute("elements", slot.elements);
          out.attribute("unit", slot.unit);
          out.attribute("block", blockOf(parameters[slot.parameter], options));
          out.attribute("part", nameOf(slot.region));
          out.attribute("begin", slot.begin);
          if (slotScales.ranks > 0)
            printScales(out, slotScales);
        });
    });
  });
}

void printJson(raw_ostream &stream, const std::vector<Parameter> &parameters, const PlanOptions &options,
               const TimedPlan &timed, bool layout) {
  const ModelPlan &plan = timed.plan;
  json::OStream out(stream);
  out.object([&] {
    out.attribute("ranks", plan.ranks);
    out.attribute("shard_ranks", plan.shardRanks);
    out.attribute("elements", plan.elements);
    out.attribute("padded_elements", plan.paddedElements);
    out.attribute("padding", plan.padding());
    out.attribute("lower_bound", plan.lowerBound);
    out.attribute("bytes_per_rank", plan.bytesPerRank);
    out.attribute("gather_bytes", plan.gatherBytes);
    out.attribute("copies", plan.ranks / plan.shardRanks);
    out.attribute("plan_seconds", timed.seconds);
    if (layout)
      out.attributeArray("buckets", [&] {
        for (const PlannedBucket &bucket : plan.buckets)
          printBucket(out, parameters, options, bucket);
      });
  });
  stream << "\n";
}

static std::string formatBytes(double bytes) {
  static constexpr const char *kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit)
    bytes /= 1024;
  return formatv(unit ? "{0:F2} {1}" : "{0:F0} {1}", bytes, kUnits[unit]);
}

void printTable(raw_ostream &stream, const std::vector<TimedPlan> &plans) {
  constexpr const char *kRow = "{0,9} {1,7} {2,8} {3,18} {4,9} {5,12} {6,14} {7,12} {8,9}\n";
  stream << formatv(kRow, "ranks", "copies", "buckets", "elements", "padding", "bytes/rank", "if all shared", "largest",
                    "seconds");
  for (const TimedPlan &timed : plans) {
    const ModelPlan &plan = timed.plan;
    int64_t largest = 0;
    for (const PlannedBucket &bucket : plan.buckets)
      largest = std::max(largest, bytesOf(bucket.shard, bucket.bits) * plan.shardRanks);
    double bytes = static_cast<double>(plan.bytesPerRank);
    int64_t copies = plan.ranks / plan.shardRanks;
    stream << formatv(kRow, plan.ranks, copies, plan.buckets.size(), plan.elements,
                      formatv("{0:F3} %", plan.padding() * 100).str(), formatBytes(bytes),
                      formatBytes(bytes / static_cast<double>(copies)), formatBytes(static_cast<double>(largest)),
                      formatv("{0:F3}", timed.seconds).str());
  }
}

} // namespace raddle::plan

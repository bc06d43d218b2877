#include "Html.h"
#include "Instructions.h"
#include "Measured.h"
#include "Sections.h"

#include <algorithm>
#include <array>
#include <map>

using namespace raddle::bundle;

namespace raddle::report {

/// The columns that are this table's own, and those of measurements behind them.
static std::vector<std::string> joined(std::vector<std::string> own, const std::vector<std::string> &measured) {
  own.insert(own.end(), measured.begin(), measured.end());
  return own;
}

/// What generated a kernel of a GPU: the target of its code says so behind the GPU's own name.
static std::string generatorOf(const Bundle &bundle, const Kernel &kernel) {
  if (textOf(bundle.target()).rfind("cuda", 0) != 0 || kernel.code() >= Range(bundle.code()).size())
    return "LLVM";
  std::string target = textOf(bundle.code()->Get(kernel.code())->target());
  return target.size() > 7 && target.compare(target.size() - 7, 7, ":triton") == 0 ? "Triton" : "NVVM";
}

std::string kernelSection(const Bundle &bundle, const Variant &variant, const Measurements &measured) {
  struct Row {
    const Kernel *kernel;
    std::string first; // name of the first instruction that runs it
    WorkSum sum;
  };
  std::map<uint32_t, Row> byKernel;
  WorkSum all;
  for (const Instruction *instruction : Range(variant.instructions())) {
    const Dispatch *dispatch = instruction->action_as_Dispatch();
    if (!dispatch || dispatch->kernel() >= Range(bundle.kernels()).size())
      continue;
    const Kernel *kernel = bundle.kernels()->Get(dispatch->kernel());
    Row &row = byKernel.insert({dispatch->kernel(), Row{kernel, textOf(instruction->name()), {}}}).first->second;
    row.sum.add(bundle, *instruction, measured);
  }
  std::vector<Row> rows;
  for (const auto &entry : byKernel) {
    rows.push_back(entry.second);
    all.add(entry.second.sum);
  }
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
    return std::pair(a.sum.seconds(), a.sum.bytes()) > std::pair(b.sum.seconds(), b.sum.bytes());
  });
  Table table(
      joined({"kernel", "made by", "first used for", "dispatches", "range", "FLOP a call", "bytes a call", "of all"},
             measuredHeadings(all, measured)));
  for (const Row &row : rows)
    table.add(
        joined({textOf(row.kernel->name()), generatorOf(bundle, *row.kernel), row.first, formatInteger(row.sum.count()),
                formatInteger(row.kernel->range()), row.kernel->flops() ? formatCount(row.sum.flops()) : "–",
                formatBytes(row.sum.bytes()), formatShare(row.sum.bytes(), all.bytes())},
               measuredCells(row.sum, all, measured)));
  std::string work = all.flops() > 0 ? " and compute " + formatCount(all.flops(), "FLOP") : "";
  return "<h3>Kernels</h3><p>" + formatInteger(rows.size()) + " generated kernels in " + formatInteger(all.count()) +
         " dispatches read and write at most " + formatBytes(all.bytes()) + work + " a call." +
         explainMeasured(all, measured) + " The range is what may be split over threads.</p>" + table.html();
}

std::string librarySection(const Bundle &bundle, const Variant &variant, const Measurements &measured) {
  using Key = std::array<std::string, 3>; // sizes, batch, layout
  std::map<Key, WorkSum> groups;
  for (const Instruction *instruction : Range(variant.instructions())) {
    if (const Gemm *gemm = instruction->action_as_Gemm())
      groups[{std::to_string(gemm->m()) + " × " + std::to_string(gemm->n()) + " × " + std::to_string(gemm->k()),
              gemm->batch() && gemm->batch()->size() != 0 ? formatShape(gemm->batch()) : "–",
              std::string(gemm->transpose_a() ? "Aᵀ" : "A") + " · " + (gemm->transpose_b() ? "Bᵀ" : "B")}]
          .add(bundle, *instruction, measured);
    else if (const Attention *attention = instruction->action_as_Attention())
      groups[{formatShape(attention->extents()), "–",
              std::string(attention->backward() ? "gradient of attention" : "attention") +
                  (attention->causal() ? ", causal" : "")}]
          .add(bundle, *instruction, measured);
  }
  if (groups.empty())
    return "";
  WorkSum all;
  for (const auto &[key, sum] : groups)
    all.add(sum);
  std::vector<std::pair<Key, WorkSum>> rows(groups.begin(), groups.end());
  std::sort(rows.begin(), rows.end(), [](const auto &a, const auto &b) {
    return std::pair(a.second.seconds(), a.second.flops()) > std::pair(b.second.seconds(), b.second.flops());
  });
  Table table(
      joined({"m × n × k", "batch", "layout", "calls", "FLOP", "of all", "bytes"}, measuredHeadings(all, measured)));
  for (const auto &[key, sum] : rows)
    table.add(joined({key[0], key[1], key[2], formatInteger(sum.count()), formatCount(sum.flops()),
                      formatShare(sum.flops(), all.flops()), formatBytes(sum.bytes())},
                     measuredCells(sum, all, measured)));
  return "<h3>Library calls</h3><p>" + formatInteger(all.count()) + " matrix products and attentions, " +
         formatCount(all.flops(), "FLOP") + " a call." + explainMeasured(all, measured) +
         " The sizes of an attention are batch, heads of the keys, query heads that " +
         "share one, queries, keys, and the widths of queries and values.</p>" + table.html();
}

std::string collectiveSection(const Bundle &bundle, const Variant &variant) {
  struct Group {
    uint64_t count = 0, sent = 0;
  };
  std::map<CollectiveKind, Group> groups;
  uint64_t sent = 0;
  for (const Instruction *instruction : Range(variant.instructions()))
    if (const Collective *collective = instruction->action_as_Collective()) {
      Group &group = groups[collective->kind()];
      ++group.count;
      group.sent += bytesSent(*collective, bundle);
      sent += bytesSent(*collective, bundle);
    }
  if (groups.empty())
    return "";
  Table table({"collective", "calls", "sent by a rank", "of all"});
  for (auto [kind, group] : groups)
    table.add({EnumNameCollectiveKind(kind), formatInteger(group.count), formatBytes(static_cast<double>(group.sent)),
               formatShare(static_cast<double>(group.sent), static_cast<double>(sent))});
  return "<h3>Collectives</h3><p>A rank sends " + formatBytes(static_cast<double>(sent)) + " a call.</p>" +
         table.html();
}

} // namespace raddle::report

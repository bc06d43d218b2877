#include "Html.h"
#include "Instructions.h"
#include "Sections.h"

#include <algorithm>
#include <map>
#include <tuple>

using namespace raddle::bundle;

namespace raddle::report {

/// What generated a kernel of a GPU: the target of its code says so behind the GPU's own name.
static std::string generatorOf(const Bundle &bundle, const Kernel &kernel) {
  if (textOf(bundle.target()).rfind("cuda", 0) != 0 || kernel.code() >= Range(bundle.code()).size())
    return "LLVM";
  std::string target = textOf(bundle.code()->Get(kernel.code())->target());
  return target.size() > 7 && target.compare(target.size() - 7, 7, ":triton") == 0 ? "Triton" : "NVVM";
}

std::string kernelSection(const Bundle &bundle, const Variant &variant) {
  struct Row {
    const Kernel *kernel;
    std::string first; // name of the first instruction that runs it
    uint64_t count = 0, bytes = 0;
    double flops() const { return static_cast<double>(kernel->flops()) * static_cast<double>(count); }
  };
  std::map<uint32_t, Row> byKernel;
  double bytes = 0, flops = 0;
  uint64_t dispatches = 0;
  for (const Instruction *instruction : Range(variant.instructions())) {
    const Dispatch *dispatch = instruction->action_as_Dispatch();
    if (!dispatch || dispatch->kernel() >= Range(bundle.kernels()).size())
      continue;
    const Kernel *kernel = bundle.kernels()->Get(dispatch->kernel());
    Row &row = byKernel.insert({dispatch->kernel(), Row{kernel, textOf(instruction->name())}}).first->second;
    ++row.count;
    row.bytes += bytesOf(*dispatch);
    bytes += static_cast<double>(bytesOf(*dispatch));
    flops += static_cast<double>(kernel->flops());
    ++dispatches;
  }
  std::vector<Row> rows;
  for (const auto &entry : byKernel)
    rows.push_back(entry.second);
  std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) { return a.bytes > b.bytes; });
  Table table({"kernel", "made by", "first used for", "dispatches", "range", "FLOP a call", "bytes a call", "of all"});
  for (const Row &row : rows)
    table.add({textOf(row.kernel->name()), generatorOf(bundle, *row.kernel), row.first, formatInteger(row.count),
               formatInteger(row.kernel->range()), row.kernel->flops() ? formatCount(row.flops()) : "–",
               formatBytes(static_cast<double>(row.bytes)), formatShare(static_cast<double>(row.bytes), bytes)});
  std::string work = flops > 0 ? " and compute " + formatCount(flops, "FLOP") : "";
  return "<h3>Kernels</h3><p>" + formatInteger(rows.size()) + " generated kernels in " + formatInteger(dispatches) +
         " dispatches read and write at most " + formatBytes(bytes) + work +
         " a call. The range is what may be split over threads.</p>" + table.html();
}

std::string librarySection(const Variant &variant) {
  using Key = std::array<std::string, 3>; // sizes, batch, layout
  struct Group {
    uint64_t count = 0;
    double flops = 0;
  };
  std::map<Key, Group> groups;
  double flops = 0;
  uint64_t calls = 0;
  auto add = [&](const Key &key, double callFlops) {
    Group &group = groups[key];
    ++group.count;
    group.flops += callFlops;
    flops += callFlops;
    ++calls;
  };
  for (const Instruction *instruction : Range(variant.instructions())) {
    if (const Gemm *gemm = instruction->action_as_Gemm())
      add({std::to_string(gemm->m()) + " × " + std::to_string(gemm->n()) + " × " + std::to_string(gemm->k()),
           gemm->batch() && gemm->batch()->size() != 0 ? formatShape(gemm->batch()) : "–",
           std::string(gemm->transpose_a() ? "Aᵀ" : "A") + " · " + (gemm->transpose_b() ? "Bᵀ" : "B")},
          flopsOf(*gemm));
    else if (const Attention *attention = instruction->action_as_Attention())
      add({formatShape(attention->extents()), "–",
           std::string(attention->backward() ? "gradient of attention" : "attention") +
               (attention->causal() ? ", causal" : "")},
          flopsOf(*attention));
  }
  if (groups.empty())
    return "";
  std::vector<std::pair<Key, Group>> rows(groups.begin(), groups.end());
  std::sort(rows.begin(), rows.end(), [](auto &a, auto &b) { return a.second.flops > b.second.flops; });
  Table table({"m × n × k", "batch", "layout", "calls", "FLOP", "of all"});
  for (const auto &[key, group] : rows)
    table.add({key[0], key[1], key[2], formatInteger(group.count), formatCount(group.flops),
               formatShare(group.flops, flops)});
  return "<h3>Library calls</h3><p>" + formatInteger(calls) + " matrix products and attentions, " +
         formatCount(flops, "FLOP") +
         " a call. The sizes of an attention are batch, heads of the keys, query heads that " +
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

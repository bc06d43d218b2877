#include "Html.h"
#include "Instructions.h"
#include "Sections.h"

#include <algorithm>
#include <map>

using namespace raddle::bundle;

namespace raddle::report {

static std::string formatDouble(uint64_t bytes) { return formatBytes(static_cast<double>(bytes)); }

static void addStates(const Bundle &bundle, Table &table) {
  std::map<StateKind, uint64_t> bytes;
  uint64_t sum = 0;
  for (const State *state : Range(bundle.states())) {
    bytes[state->kind()] += state->elements() * byteSize(state->dtype());
    sum += state->elements() * byteSize(state->dtype());
  }
  table.add({"State of a rank", formatDouble(sum)});
  for (auto [kind, part] : bytes)
    table.add({std::string("of it: ") + EnumNameStateKind(kind), formatDouble(part)});
}

static void addEntries(const Bundle &bundle, Table &table) {
  for (const EntryPoint *entry : Range(bundle.entries())) {
    uint64_t arena = 0, sent = 0;
    for (const Variant *variant : Range(entry->variants())) {
      arena = std::max(arena, variant->arena_bytes());
      uint64_t bytes = 0;
      for (const Instruction *instruction : Range(variant->instructions()))
        if (const Collective *collective = instruction->action_as_Collective())
          bytes += bytesSent(*collective, bundle);
      sent = std::max(sent, bytes);
    }
    table.add({"Arena of a rank, " + textOf(entry->name()), formatDouble(arena)});
    table.add({"Sent by a rank in one call of " + textOf(entry->name()), formatDouble(sent)});
  }
}

static void addLimits(const runtime::Measurements &measured, Table &table) {
  if (!measured.limits)
    return;
  table.add({"Memory's limit for a rank, measured", formatCount(measured.limits->memoryBytesPerSecond, "B/s")});
  table.add({"Limit of f32 products for a rank, measured", formatCount(measured.limits->gemmFlopsPerSecond, "FLOP/s")});
  table.add({"Threads that measured, of all ranks of the machine", std::to_string(measured.limits->threads)});
}

std::string totalsSection(const Bundle &bundle, const runtime::Measurements &measured) {
  uint64_t parameters = 0, trainable = 0, buffers = 0, code = 0;
  for (const Parameter *parameter : Range(bundle.parameters())) {
    uint64_t elements = elementsOf(parameter->shape());
    (parameter->is_buffer() ? buffers : parameters) += elements;
    if (parameter->trainable())
      trainable += elements;
  }
  for (const CodeObject *object : Range(bundle.code()))
    code += Range(object->data()).size();
  Table table({"total", ""});
  table.add({"Target", textOf(bundle.target())});
  table.add({"Ranks", std::to_string(bundle.ranks())});
  table.add({"Parameters", formatInteger(parameters)});
  table.add({"of them: trainable", formatInteger(trainable)});
  if (buffers != 0)
    table.add({"Elements of buffers", formatInteger(buffers)});
  addStates(bundle, table);
  addEntries(bundle, table);
  table.add({"Machine code", formatDouble(code)});
  addLimits(measured, table);
  return "<h2>Totals</h2>" + table.html();
}

std::string graphSection(const runtime::Measurements &measured) {
  if (measured.graphs.empty())
    return "";
  std::vector<std::string> headings{"in the graph of"};
  for (const runtime::GraphCensus &graph : measured.graphs)
    headings.push_back(graph.entry);
  Table table(headings);
  auto add = [&](const char *what, auto countOf) {
    std::vector<std::string> row{what};
    for (const runtime::GraphCensus &graph : measured.graphs)
      row.push_back(formatInteger(countOf(graph)));
    table.add(row);
  };
  add("nodes", [](const runtime::GraphCensus &graph) { return graph.nodes(); });
  for (const runtime::GraphCount &each : runtime::graphCounts)
    add(each.text, [&](const runtime::GraphCensus &graph) { return graph.*each.count; });
  return "<h2>Graphs</h2><p>What the GPU is given for a call without tracing, from the third one on. A chain of "
         "kernels is launched at once, whatever their number; all else may cost the host time at each launch.</p>" +
         table.html();
}

} // namespace raddle::report

// What the graph is made of that a GPU is given for each call of a program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace raddle::runtime {

/// Numbers of nodes, by what they do, those of child graphs included. The driver launches a chain of kernels at once,
/// whatever their number; all else may cost the host time at each launch.
struct GraphCensus {
  /// The entry point.
  std::string entry;
  /// `copies` are of memory, `events` recorded or waited for, `hosts` functions of the host; `others` are semaphores,
  /// allocations, conditions.
  uint64_t kernels = 0, memsets = 0, copies = 0, events = 0, hosts = 0, children = 0, empties = 0, others = 0;
  /// Dependencies between nodes; `programmatic` ones begin before the node that they come from has ended.
  uint64_t edges = 0, programmatic = 0;
  /// Nodes that depend on more than one other, and nodes on which more than one depends: zero in a chain.
  uint64_t joins = 0, forks = 0;
  /// Nodes of libraries that kernels took the place of; they count as kernels.
  uint64_t replacedMemsets = 0, replacedCopies = 0;
  /// Nodes of events that are gone, since other edges keep their order.
  uint64_t removedEvents = 0;
  /// Why the graph could not be written to the file that was asked for; empty where it was, or where none was.
  std::string drawingError;

  uint64_t nodes() const { return kernels + memsets + copies + events + hosts + children + empties + others; }
};

/// A name for what is counted, for JSON and for people, and the count.
struct GraphCount {
  const char *key, *text;
  uint64_t GraphCensus::*count;
};

/// All counts, in the order in which they are shown.
inline constexpr GraphCount graphCounts[] = {
    {"kernels", "kernels", &GraphCensus::kernels},
    {"memsets", "memsets", &GraphCensus::memsets},
    {"copies", "copies", &GraphCensus::copies},
    {"events", "events", &GraphCensus::events},
    {"hosts", "functions of the host", &GraphCensus::hosts},
    {"children", "child graphs", &GraphCensus::children},
    {"empties", "empty nodes", &GraphCensus::empties},
    {"others", "other nodes", &GraphCensus::others},
    {"edges", "edges", &GraphCensus::edges},
    {"programmatic", "programmatic edges", &GraphCensus::programmatic},
    {"joins", "nodes with several dependencies", &GraphCensus::joins},
    {"forks", "nodes with several dependents", &GraphCensus::forks},
    {"replaced_memsets", "kernels in place of memsets", &GraphCensus::replacedMemsets},
    {"replaced_copies", "kernels in place of copies", &GraphCensus::replacedCopies},
    {"removed_events", "events taken out", &GraphCensus::removedEvents},
};

} // namespace raddle::runtime

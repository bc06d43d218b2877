// The minimum cut of a directed graph with capacities.
#ifndef RADDLE_LIB_SCHEDULE_MINIMUMCUT_H
#define RADDLE_LIB_SCHEDULE_MINIMUMCUT_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <vector>

namespace raddle {

/// Dinic's algorithm: phases of blocking flows along shortest paths (Soviet Math. Doklady 11, 1970).
class MinimumCut {
public:
  using Node = uint32_t;
  /// More than all finite capacities together.
  static constexpr int64_t unlimited = int64_t(1) << 60;

  Node addNode();
  void addEdge(Node from, Node to, int64_t capacity);

  /// Whether each node is on the source's side of a cut of least capacity, the one with the fewest nodes there.
  std::vector<bool> sourceSide(Node source, Node sink);

private:
  struct Edge {
    Node to;
    int64_t capacity; // what is left
  };
  /// Numbers of a node's edges; the reverse of edge e is e ^ 1.
  std::vector<llvm::SmallVector<uint32_t, 4>> outgoing;
  std::vector<Edge> edges;
  std::vector<int32_t> level;
  std::vector<uint32_t> next;

  bool findLevels(Node source, Node sink);
  int64_t augment(Node source, Node sink);
};

} // namespace raddle

#endif // RADDLE_LIB_SCHEDULE_MINIMUMCUT_H

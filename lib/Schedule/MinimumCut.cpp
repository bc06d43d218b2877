#include "MinimumCut.h"

#include <algorithm>

namespace raddle {

MinimumCut::Node MinimumCut::addNode() {
  outgoing.emplace_back();
  return static_cast<Node>(outgoing.size() - 1);
}

void MinimumCut::addEdge(Node from, Node to, int64_t capacity) {
  outgoing[from].push_back(static_cast<uint32_t>(edges.size()));
  edges.push_back({to, capacity});
  outgoing[to].push_back(static_cast<uint32_t>(edges.size()));
  edges.push_back({from, 0});
}

/// Distances from the source along edges that have capacity left; whether the sink has one.
bool MinimumCut::findLevels(Node source, Node sink) {
  level.assign(outgoing.size(), -1);
  level[source] = 0;
  std::vector<Node> queue{source};
  for (size_t i = 0; i < queue.size(); ++i)
    for (uint32_t edge : outgoing[queue[i]])
      if (Node to = edges[edge].to; edges[edge].capacity > 0 && level[to] < 0) {
        level[to] = level[queue[i]] + 1;
        queue.push_back(to);
      }
  return level[sink] >= 0;
}

/// Pushes flow along one path of growing levels; without recursion, as paths are as long as programs.
int64_t MinimumCut::augment(Node source, Node sink) {
  std::vector<uint32_t> path;
  Node at = source;
  while (at != sink) {
    if (next[at] < outgoing[at].size()) {
      uint32_t edge = outgoing[at][next[at]];
      if (edges[edge].capacity > 0 && level[edges[edge].to] == level[at] + 1) {
        path.push_back(edge);
        at = edges[edge].to;
      } else {
        ++next[at];
      }
      continue;
    }
    if (path.empty())
      return 0;
    at = edges[path.back() ^ 1].to;
    path.pop_back();
    ++next[at];
  }
  int64_t flow = unlimited;
  for (uint32_t edge : path)
    flow = std::min(flow, edges[edge].capacity);
  for (uint32_t edge : path) {
    edges[edge].capacity -= flow;
    edges[edge ^ 1].capacity += flow;
  }
  return flow;
}

std::vector<bool> MinimumCut::sourceSide(Node source, Node sink) {
  while (findLevels(source, sink)) {
    next.assign(outgoing.size(), 0);
    while (augment(source, sink) > 0)
      ;
  }
  std::vector<bool> side;
  for (int32_t distance : level)
    side.push_back(distance >= 0);
  return side;
}

} // namespace raddle

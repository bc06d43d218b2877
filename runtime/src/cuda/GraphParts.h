// What a captured graph is made of, as the driver tells.
#pragma once

#include "Driver.h"

#include <optional>
#include <vector>

namespace raddle::runtime::cuda {

struct TypedNode {
  GraphNode handle;
  NodeType type;
};

/// Dependencies of one graph, in the driver's order: `to[i]` waits for `from[i]`, as `data[i]` says.
struct GraphEdges {
  std::vector<GraphNode> from, to;
  std::vector<EdgeData> data;
};

/// Those of child graphs are left out. Nothing where the driver cannot tell.
std::optional<std::vector<TypedNode>> nodesOf(const Driver &cu, Graph graph);
std::optional<GraphEdges> edgesOf(const Driver &cu, Graph graph);

} // namespace raddle::runtime::cuda

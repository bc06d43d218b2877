#include "GraphParts.h"

namespace raddle::runtime::cuda {

std::optional<std::vector<TypedNode>> nodesOf(const Driver &cu, Graph graph) {
  size_t count = 0;
  if (cu.graphGetNodes(graph, nullptr, &count) != 0)
    return std::nullopt;
  std::vector<GraphNode> handles(count);
  if (count != 0 && cu.graphGetNodes(graph, handles.data(), &count) != 0)
    return std::nullopt;
  std::vector<TypedNode> nodes;
  for (GraphNode handle : handles) {
    NodeType type;
    if (cu.graphNodeGetType(handle, &type) != 0)
      return std::nullopt;
    nodes.push_back({handle, type});
  }
  return nodes;
}

std::optional<GraphEdges> edgesOf(const Driver &cu, Graph graph) {
  size_t count = 0;
  if (cu.graphGetEdges(graph, nullptr, nullptr, nullptr, &count) != 0)
    return std::nullopt;
  GraphEdges edges{std::vector<GraphNode>(count), std::vector<GraphNode>(count), std::vector<EdgeData>(count)};
  if (count != 0 && cu.graphGetEdges(graph, edges.from.data(), edges.to.data(), edges.data.data(), &count) != 0)
    return std::nullopt;
  return edges;
}

} // namespace raddle::runtime::cuda

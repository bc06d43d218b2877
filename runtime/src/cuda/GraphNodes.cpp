#include "GraphNodes.h"

#include "GraphEvents.h"
#include "GraphParts.h"

#include <algorithm>
#include <map>

namespace raddle::runtime::cuda {

// Up to this size a copy takes the device less time than its node the host.
static constexpr uint64_t mostCopied = 1u << 20;

namespace {

class Editor {
public:
  Editor(const Driver &cu, const MemoryKernels &kernels, Device device, GraphCensus &census)
      : cu(cu), kernels(kernels), device(device), census(census) {}

  void edit(Graph graph);

private:
  const Driver &cu;
  const MemoryKernels &kernels;
  const Device device;
  GraphCensus &census;

  void countEdges(Graph graph);
  bool liesOnDevice(Address address) const;
  bool addFill(Graph graph, GraphNode node, const std::vector<GraphNode> &before, GraphNode &made) const;
  bool addCopy(Graph graph, GraphNode node, const std::vector<GraphNode> &before, GraphNode &made) const;
  bool replace(Graph graph, GraphNode node, NodeType type) const;
};

} // namespace

using Neighbours = Result (*)(GraphNode, GraphNode *, EdgeData *, size_t *);

// Without data of edges the driver refuses to list those that have some: nothing is lost.
static bool list(Neighbours ask, GraphNode node, std::vector<GraphNode> &found) {
  size_t count = 0;
  if (ask(node, nullptr, nullptr, &count) != 0)
    return false;
  found.resize(count);
  return count == 0 || ask(node, found.data(), nullptr, &count) == 0;
}

// Of memory that the process manages or shares with the host, or of another device, the driver knows best.
bool Editor::liesOnDevice(Address address) const {
  unsigned memory = 0;
  int ordinal = -1;
  return cu.pointerGetAttribute(&memory, attributeMemoryType, address) == 0 && memory == memoryOfDevice &&
         cu.pointerGetAttribute(&ordinal, attributeDevice, address) == 0 && ordinal == device;
}

bool Editor::addFill(Graph graph, GraphNode node, const std::vector<GraphNode> &before, GraphNode &made) const {
  MemsetParameters memset{};
  if (cu.graphMemsetNodeGetParams(node, &memset) != 0)
    return false;
  uint64_t rowBytes = memset.width * memset.elementSize, bytes = rowBytes * std::max<size_t>(memset.height, 1);
  bool contiguous = memset.height <= 1 || memset.pitch == rowBytes;
  if (!contiguous || bytes == 0 || !liesOnDevice(memset.dst))
    return false;
  uint32_t word = memset.value;
  if (memset.elementSize == 1)
    word = (word & 0xff) * 0x01010101u;
  else if (memset.elementSize == 2)
    word = (word & 0xffff) * 0x00010001u;
  return kernels.addFill(made, graph, before, memset.dst, word, bytes) == 0;
}

static bool isLinear(const CopySide &side) {
  return side.y == 0 && side.z == 0 && side.level == 0 &&
         (side.memoryType == memoryOfDevice || side.memoryType == memoryUnified);
}

bool Editor::addCopy(Graph graph, GraphNode node, const std::vector<GraphNode> &before, GraphNode &made) const {
  CopyParameters copy{};
  if (cu.graphMemcpyNodeGetParams(node, &copy) != 0)
    return false;
  uint64_t bytes = copy.widthInBytes;
  if (!isLinear(copy.src) || !isLinear(copy.dst) || copy.height > 1 || copy.depth > 1 || bytes == 0 ||
      bytes > mostCopied)
    return false;
  Address src = copy.src.device + copy.src.xInBytes, dst = copy.dst.device + copy.dst.xInBytes;
  bool overlap = src < dst + bytes && dst < src + bytes;
  return !overlap && liesOnDevice(src) && liesOnDevice(dst) &&
         kernels.addCopy(made, graph, before, dst, src, bytes) == 0;
}

bool Editor::replace(Graph graph, GraphNode node, NodeType type) const {
  std::vector<GraphNode> before, after;
  if (!list(cu.graphNodeGetDependencies, node, before) || !list(cu.graphNodeGetDependentNodes, node, after))
    return false;
  GraphNode made = nullptr;
  if (type == NodeType::Memset ? !addFill(graph, node, before, made) : !addCopy(graph, node, before, made))
    return false;
  std::vector<GraphNode> from(after.size(), made);
  if ((after.empty() || cu.graphAddDependencies(graph, from.data(), after.data(), nullptr, after.size()) == 0) &&
      cu.graphDestroyNode(node) == 0)
    return true;
  cu.graphDestroyNode(made);
  return false;
}

void Editor::countEdges(Graph graph) {
  std::optional<GraphEdges> edges = edgesOf(cu, graph);
  if (!edges)
    return;
  std::map<GraphNode, uint64_t> dependencies, dependents;
  for (size_t i = 0; i < edges->from.size(); ++i) {
    census.forks += ++dependents[edges->from[i]] == 2;
    census.joins += ++dependencies[edges->to[i]] == 2;
    census.programmatic += edges->data[i].type != 0;
  }
  census.edges += edges->from.size();
}

static uint64_t GraphCensus::*countOf(NodeType type) {
  switch (type) {
  case NodeType::Kernel:
    return &GraphCensus::kernels;
  case NodeType::Copy:
    return &GraphCensus::copies;
  case NodeType::Memset:
    return &GraphCensus::memsets;
  case NodeType::Host:
    return &GraphCensus::hosts;
  case NodeType::Child:
    return &GraphCensus::children;
  case NodeType::Empty:
    return &GraphCensus::empties;
  case NodeType::WaitEvent:
  case NodeType::RecordEvent:
    return &GraphCensus::events;
  default:
    return &GraphCensus::others;
  }
}

void Editor::edit(Graph graph) {
  census.removedEvents += removeInnerEvents(cu, graph);
  std::optional<std::vector<TypedNode>> nodes = nodesOf(cu, graph);
  if (!nodes)
    return;
  // Of a graph that allocates or frees memory no node can be taken away.
  bool fixed = std::any_of(nodes->begin(), nodes->end(), [](const TypedNode &node) {
    return node.type == NodeType::Allocation || node.type == NodeType::Free;
  });
  for (auto [node, type] : *nodes) {
    if ((type == NodeType::Memset || type == NodeType::Copy) && !fixed && replace(graph, node, type)) {
      ++(type == NodeType::Memset ? census.replacedMemsets : census.replacedCopies);
      type = NodeType::Kernel;
    }
    ++(census.*countOf(type));
    Graph child = nullptr;
    if (type == NodeType::Child && cu.graphChildGraphNodeGetGraph(node, &child) == 0)
      edit(child);
  }
  countEdges(graph);
}

GraphCensus lightenGraph(const Driver &cu, const MemoryKernels &kernels, Device device, Graph graph) {
  GraphCensus census;
  if (cu.editsGraphs())
    Editor(cu, kernels, device, census).edit(graph);
  return census;
}

std::string drawGraph(const Driver &cu, Graph graph, const std::string &path) {
  std::string what = "cannot write the graph to '" + path + "': ";
  if (!cu.editsGraphs())
    return what + "NVIDIA's driver is too old";
  // No flags: with details of kernels the driver fails for those whose parameters it does not know.
  Result result = cu.graphDebugDotPrint(graph, path.c_str(), 0);
  return result == 0 ? "" : what + cu.describe(result);
}

} // namespace raddle::runtime::cuda

#include "RecordingDriver.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace raddle::runtime::cuda;

using Node = RecordingDriver::Node;

static constexpr Result invalidValue = 1, lossyQuery = 920;
static constexpr int ordinal = 0;
static constexpr uint64_t threads = 256;

static RecordingDriver *current = nullptr;

static Node *nodeOf(GraphNode node) { return reinterpret_cast<Node *>(node); }
static GraphNode handleOf(Node *node) { return reinterpret_cast<GraphNode>(node); }
static size_t indexOf(Graph graph) { return reinterpret_cast<size_t>(graph) - 1; }

// As the driver does: a first call asks for the number.
template <typename List, typename Copy> static Result give(const List &list, bool asked, size_t *count, Copy copy) {
  if (asked && *count < list.size())
    return invalidValue;
  for (size_t i = 0; asked && i < list.size(); ++i)
    copy(i);
  *count = list.size();
  return 0;
}

/// What the table points at.
struct DriverFunctions {
  static Result getNodes(Graph graph, GraphNode *nodes, size_t *count) {
    std::vector<const Node *> list = current->nodes(indexOf(graph));
    return give(list, nodes, count, [&](size_t i) { nodes[i] = handleOf(const_cast<Node *>(list[i])); });
  }

  static Result getType(GraphNode node, NodeType *type) {
    *type = nodeOf(node)->type;
    return 0;
  }

  static Result getEdges(Graph graph, GraphNode *from, GraphNode *to, EdgeData *data, size_t *count) {
    std::vector<RecordingDriver::Edge> list;
    for (const RecordingDriver::Edge &edge : current->edges)
      if (edge.from->graph == indexOf(graph))
        list.push_back(edge);
    return give(list, from, count, [&](size_t i) {
      from[i] = handleOf(list[i].from);
      to[i] = handleOf(list[i].to);
      data[i] = list[i].data;
    });
  }

  static Result neighbours(Node *node, bool before, GraphNode *found, const EdgeData *data, size_t *count) {
    std::vector<Node *> list;
    for (const RecordingDriver::Edge &edge : current->edges)
      if ((before ? edge.to : edge.from) == node) {
        list.push_back(before ? edge.from : edge.to);
        if (found && !data && edge.data.type != 0)
          return lossyQuery;
      }
    return give(list, found, count, [&](size_t i) { found[i] = handleOf(list[i]); });
  }
  static Result getDependencies(GraphNode node, GraphNode *found, EdgeData *data, size_t *count) {
    return neighbours(nodeOf(node), true, found, data, count);
  }
  static Result getDependents(GraphNode node, GraphNode *found, EdgeData *data, size_t *count) {
    return neighbours(nodeOf(node), false, found, data, count);
  }

  static Result getMemset(GraphNode node, MemsetParameters *parameters) {
    *parameters = nodeOf(node)->memset;
    return nodeOf(node)->type == NodeType::Memset ? 0 : invalidValue;
  }
  static Result getCopy(GraphNode node, CopyParameters *parameters) {
    *parameters = nodeOf(node)->copy;
    return nodeOf(node)->type == NodeType::Copy ? 0 : invalidValue;
  }
  static Result getChild(GraphNode node, Graph *graph) {
    *graph = current->graph(nodeOf(node)->child);
    return 0;
  }

  static Result getEvent(GraphNode node, Event *event) {
    *event = nodeOf(node)->event;
    return 0;
  }

  // The parameters are read now, as the driver does.
  static Result addKernel(GraphNode *made, Graph graph, const GraphNode *before, size_t count,
                          const KernelNodeParameters *kernel) {
    if (current->refusesNodes)
      return invalidValue;
    Node node{NodeType::Kernel};
    node.kernel = current->symbols.at(reinterpret_cast<size_t>(kernel->function) - 1);
    node.dst = *static_cast<Address *>(kernel->parameters[0]);
    bool fills = node.kernel == "fill";
    node.src = fills ? *static_cast<uint32_t *>(kernel->parameters[1]) : *static_cast<Address *>(kernel->parameters[1]);
    node.bytes = *static_cast<uint64_t *>(kernel->parameters[2]);
    node.blocks = kernel->grid[0];
    EXPECT_EQ(kernel->block[0], threads);
    std::vector<Node *> dependencies;
    for (size_t i = 0; i < count; ++i)
      dependencies.push_back(nodeOf(before[i]));
    *made = handleOf(current->add(indexOf(graph), node, dependencies));
    return 0;
  }

  static Result addEdges(Graph, const GraphNode *from, const GraphNode *to, const EdgeData *data, size_t count) {
    EXPECT_EQ(data, nullptr);
    for (size_t i = 0; i < count; ++i) {
      for (const RecordingDriver::Edge &edge : current->edges)
        if (edge.from == nodeOf(from[i]) && edge.to == nodeOf(to[i]))
          return invalidValue;
      current->edges.push_back({nodeOf(from[i]), nodeOf(to[i])});
    }
    return 0;
  }

  static Result destroy(GraphNode handle) {
    Node *node = nodeOf(handle);
    if (current->refusesDestruction && node->type != NodeType::Kernel)
      return invalidValue;
    node->destroyed = true;
    std::vector<RecordingDriver::Edge> &edges = current->edges;
    auto touches = [&](const RecordingDriver::Edge &edge) { return edge.from == node || edge.to == node; };
    edges.erase(std::remove_if(edges.begin(), edges.end(), touches), edges.end());
    return 0;
  }

  static Result getAttribute(void *value, int attribute, Address address) {
    auto *at = reinterpret_cast<const void *>(address);
    bool isHost = current->host.first <= at && at < current->host.second;
    if (attribute == attributeMemoryType)
      *static_cast<unsigned *>(value) = isHost ? 1 : memoryOfDevice;
    else
      *static_cast<int *>(value) = ordinal;
    return 0;
  }

  static Result loadModule(Module *module, const void *) {
    *module = reinterpret_cast<Module>(1);
    return 0;
  }
  static Result unloadModule(Module) { return 0; }
  static Result getFunction(Function *function, Module, const char *symbol) {
    current->symbols.push_back(symbol);
    *function = reinterpret_cast<Function>(current->symbols.size());
    return 0;
  }

  static Result draw(Graph, const char *, unsigned flags) { return flags == 0 ? 0 : invalidValue; }
  static Result errorName(Result, const char **name) {
    *name = "CUDA_ERROR_INVALID_VALUE";
    return 0;
  }
  static Result errorText(Result, const char **text) {
    *text = "invalid argument";
    return 0;
  }
};

RecordingDriver::RecordingDriver() {
  EXPECT_EQ(current, nullptr);
  current = this;
  functions.graphGetNodes = DriverFunctions::getNodes;
  functions.graphGetEdges = DriverFunctions::getEdges;
  functions.graphNodeGetType = DriverFunctions::getType;
  functions.graphNodeGetDependencies = DriverFunctions::getDependencies;
  functions.graphNodeGetDependentNodes = DriverFunctions::getDependents;
  functions.graphMemsetNodeGetParams = DriverFunctions::getMemset;
  functions.graphMemcpyNodeGetParams = DriverFunctions::getCopy;
  functions.graphChildGraphNodeGetGraph = DriverFunctions::getChild;
  functions.graphEventRecordNodeGetEvent = functions.graphEventWaitNodeGetEvent = DriverFunctions::getEvent;
  functions.graphAddKernelNode = DriverFunctions::addKernel;
  functions.graphAddDependencies = DriverFunctions::addEdges;
  functions.graphDestroyNode = DriverFunctions::destroy;
  functions.graphDebugDotPrint = DriverFunctions::draw;
  functions.pointerGetAttribute = DriverFunctions::getAttribute;
  functions.moduleLoadData = DriverFunctions::loadModule;
  functions.moduleUnload = DriverFunctions::unloadModule;
  functions.moduleGetFunction = DriverFunctions::getFunction;
  functions.getErrorName = DriverFunctions::errorName;
  functions.getErrorString = DriverFunctions::errorText;
}

RecordingDriver::~RecordingDriver() { current = nullptr; }

Node *RecordingDriver::add(size_t graph, Node node, const std::vector<Node *> &before) {
  node.graph = graph;
  all.push_back(node);
  for (Node *each : before)
    edges.push_back({each, &all.back()});
  return &all.back();
}

std::vector<const Node *> RecordingDriver::nodes(size_t graph) const {
  std::vector<const Node *> found;
  for (const Node &node : all)
    if (node.graph == graph && !node.destroyed)
      found.push_back(&node);
  return found;
}

std::vector<const Node *> RecordingDriver::dependencies(const Node *node) const {
  std::vector<const Node *> found;
  for (const Edge &edge : edges)
    if (edge.to == node)
      found.push_back(edge.from);
  return found;
}

template <typename Element> static void fillRows(const MemsetParameters &memset) {
  for (size_t row = 0; row < memset.height; ++row) {
    auto *begin = reinterpret_cast<Element *>(memset.dst + row * memset.pitch);
    std::fill_n(begin, memset.width, static_cast<Element>(memset.value));
  }
}

// What the kernels of MemoryKernels.cpp do, each thread its bytes.
static void runKernel(const Node &node) {
  if (node.kernel.empty()) {
    ++*node.at;
    return;
  }
  bool fills = node.kernel == "fill";
  constexpr uint64_t bytesOfThread = 16;
  EXPECT_GE(node.blocks * threads * bytesOfThread, node.bytes);
  EXPECT_LT((node.blocks - 1) * threads * bytesOfThread, node.bytes);
  auto *dst = reinterpret_cast<uint8_t *>(node.dst);
  auto *src = fills ? reinterpret_cast<const uint8_t *>(&node.src) : reinterpret_cast<const uint8_t *>(node.src);
  for (uint64_t i = 0; i < node.bytes; ++i)
    dst[i] = src[fills ? i % 4 : i];
}

void RecordingDriver::launch(size_t graph) {
  std::vector<const Node *> left = nodes(graph);
  std::set<const Node *> done;
  // The last one that may run does: what edges do not order is done in the wrong order.
  while (!left.empty()) {
    auto next = std::find_if(left.rbegin(), left.rend(), [&](const Node *node) {
      std::vector<const Node *> before = dependencies(node);
      return std::all_of(before.begin(), before.end(), [&](const Node *each) { return done.count(each) != 0; });
    });
    ASSERT_NE(next, left.rend()) << "nodes wait for each other";
    const Node &node = **next;
    if (node.type == NodeType::Kernel)
      runKernel(node);
    else if (node.type == NodeType::Memset)
      (node.memset.elementSize == 1   ? fillRows<uint8_t>
       : node.memset.elementSize == 2 ? fillRows<uint16_t>
                                      : fillRows<uint32_t>)(node.memset);
    else if (node.type == NodeType::Copy)
      for (size_t row = 0; row < node.copy.height; ++row)
        std::memmove(
            reinterpret_cast<void *>(node.copy.dst.device + node.copy.dst.xInBytes + row * node.copy.dst.pitch),
            reinterpret_cast<const void *>(node.copy.src.device + node.copy.src.xInBytes + row * node.copy.src.pitch),
            node.copy.widthInBytes);
    else if (node.type == NodeType::Child)
      launch(node.child);
    done.insert(&node);
    left.erase(std::next(next).base());
  }
}

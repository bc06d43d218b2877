// What becomes of the nodes of captured graphs, on a driver that keeps them in memory of the host.
#include "RecordingDriver.h"

#include "cuda/GraphNodes.h"

#include <gtest/gtest.h>
#include <numeric>

using namespace raddle::runtime;
using namespace raddle::runtime::cuda;

namespace {

using Node = RecordingDriver::Node;

class GraphNodesTest : public testing::Test {
protected:
  static constexpr int device = 0;
  RecordingDriver driver;
  MemoryKernels kernels{driver.functions};
  std::vector<uint8_t> memory = std::vector<uint8_t>(3000);
  int launches = 0;

  void SetUp() override { std::iota(memory.begin(), memory.end(), uint8_t(1)); }

  template <typename T> static Address addressOf(T *at) { return reinterpret_cast<Address>(at); }

  Node kernel() {
    Node node{NodeType::Kernel};
    node.at = &launches;
    return node;
  }
  Node memset(size_t at, unsigned value, unsigned elementSize, size_t width, size_t height = 1, size_t pitch = 0) {
    Node node{NodeType::Memset};
    node.memset = {addressOf(memory.data() + at), pitch, value, elementSize, width, height};
    return node;
  }
  Node copy(size_t dst, size_t src, size_t bytes) {
    Node node{NodeType::Copy};
    node.copy.src.memoryType = node.copy.dst.memoryType = memoryUnified;
    // A driver may give the place as an offset.
    node.copy.src.device = addressOf(memory.data());
    node.copy.src.xInBytes = src;
    node.copy.dst.device = addressOf(memory.data() + dst);
    node.copy.widthInBytes = bytes;
    node.copy.height = node.copy.depth = 1;
    return node;
  }

  /// What the memory holds when the first graph was launched.
  std::vector<uint8_t> launched() {
    SetUp();
    driver.launch(0);
    return memory;
  }

  GraphCensus lighten() { return lightenGraph(driver.functions, kernels, device, driver.graph(0)); }

  size_t count(NodeType type, size_t graph = 0) {
    size_t found = 0;
    for (const Node *node : driver.nodes(graph))
      found += node->type == type;
    return found;
  }
};

TEST_F(GraphNodesTest, KernelsTakeThePlaceOfMemsetsAndCopiesInAChain) {
  Node *last = driver.add(0, kernel());
  last = driver.add(0, memset(0, 0x1ab, 1, 1001), {last});
  last = driver.add(0, copy(2000, 500, 701), {last});
  last = driver.add(0, memset(502, 0x3fbeef, 2, 99), {last});
  last = driver.add(0, memset(1200, 0x12345678, 4, 3), {last});
  last = driver.add(0, memset(1300, 7, 1, 10, 4, 10), {last});
  last = driver.add(0, kernel(), {last});
  std::vector<uint8_t> expected = launched();
  EXPECT_EQ(expected[700], uint8_t(0xab));
  EXPECT_EQ(expected[502], uint8_t(0xef));
  GraphCensus census = lighten();
  EXPECT_EQ(launched(), expected);
  EXPECT_EQ(launched(), expected);
  EXPECT_EQ(launches, 6);
  EXPECT_EQ(count(NodeType::Kernel), 7u);
  EXPECT_EQ(census.kernels, 7u);
  EXPECT_EQ(census.nodes(), 7u);
  EXPECT_EQ(census.edges, 6u);
  EXPECT_EQ(census.joins + census.forks + census.programmatic, 0u);
  EXPECT_EQ(census.replacedMemsets, 4u);
  EXPECT_EQ(census.replacedCopies, 1u);
}

TEST_F(GraphNodesTest, DependenciesAndDependentsStay) {
  Node *a = driver.add(0, kernel()), *b = driver.add(0, kernel());
  Node *cleared = driver.add(0, memset(0, 0, 1, 100), {a, b});
  Node *c = driver.add(0, memset(10, 1, 1, 5), {cleared}), *d = driver.add(0, copy(100, 0, 10), {cleared});
  driver.add(0, kernel(), {c, d});
  std::vector<uint8_t> expected = launched();
  GraphCensus census = lighten();
  EXPECT_EQ(launched(), expected);
  EXPECT_EQ(census.kernels, 6u);
  EXPECT_EQ(census.edges, 6u);
  EXPECT_EQ(census.joins, 2u);
  EXPECT_EQ(census.forks, 1u);
  for (const Node *node : driver.nodes(0))
    if (node->dst == addressOf(memory.data()))
      EXPECT_EQ(driver.dependencies(node), (std::vector<const Node *>{a, b}));
}

TEST_F(GraphNodesTest, ChildGraphsAreReplacedToo) {
  Node child{NodeType::Child};
  child.child = 1;
  driver.add(0, kernel(), {driver.add(0, child)});
  driver.add(1, kernel(), {driver.add(1, memset(0, 5, 1, 3000))});
  std::vector<uint8_t> expected = launched();
  GraphCensus census = lighten();
  EXPECT_EQ(launched(), expected);
  EXPECT_EQ(count(NodeType::Memset, 1), 0u);
  EXPECT_EQ(census.children, 1u);
  EXPECT_EQ(census.kernels, 3u);
  EXPECT_EQ(census.edges, 2u);
}

TEST_F(GraphNodesTest, WhatKernelsCannotDoStays) {
  driver.host = {memory.data() + 2000, memory.data() + memory.size()};
  driver.add(0, memset(0, 1, 1, 10, 3, 16)); // rows with gaps
  driver.add(0, memset(0, 1, 1, 0));
  driver.add(0, memset(2000, 1, 1, 8));
  driver.add(0, copy(2000, 0, 8));
  driver.add(0, copy(0, 2000, 8));
  driver.add(0, copy(100, 104, 8)); // overlaps
  Node rows = copy(200, 300, 8), large = copy(0, 0, (1u << 20) + 1), array = copy(0, 100, 8);
  rows.copy.height = 2;
  rows.copy.src.pitch = rows.copy.dst.pitch = 16;
  large.copy.src.xInBytes = 1u << 30;
  array.copy.src.memoryType = 3;
  for (const Node &node : {rows, large, array})
    driver.add(0, node);
  GraphCensus census = lighten();
  EXPECT_EQ(census.kernels, 0u);
  EXPECT_EQ(census.memsets, 3u);
  EXPECT_EQ(census.copies, 6u);
  EXPECT_EQ(count(NodeType::Kernel), 0u);
}

TEST_F(GraphNodesTest, CountsOtherNodesAndLeavesGraphsThatAllocate) {
  Node *last = driver.add(0, {NodeType::Allocation});
  for (NodeType type : {NodeType::Host, NodeType::Empty, NodeType::WaitEvent, NodeType::RecordEvent})
    last = driver.add(0, {type}, {last});
  driver.add(0, memset(0, 1, 1, 8), {last});
  GraphCensus census = lighten();
  EXPECT_EQ(census.memsets, 1u);
  EXPECT_EQ(census.hosts, 1u);
  EXPECT_EQ(census.empties, 1u);
  EXPECT_EQ(census.events, 2u);
  EXPECT_EQ(census.others, 1u);
  EXPECT_EQ(census.nodes(), 6u);
}

TEST_F(GraphNodesTest, NothingFailsWhereTheDriverRefuses) {
  driver.add(0, kernel(), {driver.add(0, memset(0, 3, 1, 64), {driver.add(0, kernel())})});
  std::vector<uint8_t> expected = launched();
  auto unchanged = [&] {
    GraphCensus census = lighten();
    EXPECT_EQ(launched(), expected);
    EXPECT_EQ(census.memsets, 1u);
    EXPECT_EQ(census.kernels, 2u);
    EXPECT_EQ(census.edges, 2u);
  };
  driver.refusesNodes = true;
  unchanged();
  driver.refusesNodes = false;
  driver.refusesDestruction = true;
  unchanged();
  driver.refusesDestruction = false;
  driver.functions.graphGetNodes = nullptr;
  EXPECT_EQ(lighten().nodes(), 0u);
  EXPECT_EQ(count(NodeType::Memset), 1u);
  EXPECT_EQ(drawGraph(driver.functions, driver.graph(0), "a.dot"),
            "cannot write the graph to 'a.dot': NVIDIA's driver is too old");
}

TEST_F(GraphNodesTest, SaysWhyAGraphCannotBeDrawn) {
  EXPECT_EQ(drawGraph(driver.functions, driver.graph(0), "a.dot"), "");
  driver.functions.graphDebugDotPrint = [](Graph, const char *, unsigned) -> Result { return 1; };
  EXPECT_EQ(drawGraph(driver.functions, driver.graph(0), "a.dot"),
            "cannot write the graph to 'a.dot': invalid argument (CUDA_ERROR_INVALID_VALUE)");
}

} // namespace

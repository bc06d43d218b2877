// Which nodes of events are taken out of captured graphs, on a driver that keeps them in memory of the host.
#include "RecordingDriver.h"

#include "cuda/GraphEvents.h"

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <set>

using namespace raddle::runtime::cuda;

namespace {

using Node = RecordingDriver::Node;

class GraphEventsTest : public testing::Test {
protected:
  RecordingDriver driver;

  static Event event(size_t number) { return reinterpret_cast<Event>(number); }

  Node *add(NodeType type, const std::vector<Node *> &before = {}, size_t number = 0) {
    Node node{type};
    node.event = event(number);
    return driver.add(0, node, before);
  }
  Node *kernel(const std::vector<Node *> &before) { return add(NodeType::Kernel, before); }
  Node *wait(size_t number, const std::vector<Node *> &before = {}) { return add(NodeType::WaitEvent, before, number); }
  Node *record(size_t number, const std::vector<Node *> &before) { return add(NodeType::RecordEvent, before, number); }

  uint64_t remove() { return removeInnerEvents(driver.functions, driver.graph(0)); }

  using Nodes = std::set<const Node *>;

  /// What each node of the graph comes behind.
  std::map<const Node *, Nodes> ancestors() const {
    std::map<const Node *, Nodes> all;
    std::function<const Nodes &(const Node *)> of = [&](const Node *node) -> const Nodes & {
      auto [found, isNew] = all.try_emplace(node);
      if (isNew)
        for (const Node *before : driver.dependencies(node)) {
          Nodes those = of(before);
          all[node].insert(those.begin(), those.end());
          all[node].insert(before);
        }
      return all[node];
    };
    for (const Node *node : driver.nodes(0))
      of(node);
    return all;
  }
};

TEST_F(GraphEventsTest, OfARowTheFirstWaitAndTheLastRecordStay) {
  // Three collectives as NCCL captures them: each after a kernel of the program, a function of the host, and the
  // collective before; the device and the host have an event each.
  constexpr size_t ofDevice = 1, ofHost = 2;
  Node *last = nullptr, *host = wait(ofHost), *device = wait(ofDevice), *firstHost = host, *firstDevice = device;
  for (int i = 0; i < 3; ++i) {
    last = last ? kernel({last}) : kernel({});
    host = record(ofHost, {add(NodeType::Host, {host})});
    device = record(ofDevice, {kernel({last, device, host})});
  }
  Node *end = kernel({last, device});
  EXPECT_EQ(remove(), 4u);
  Nodes left;
  for (const Node *node : driver.nodes(0))
    if (node->type == NodeType::WaitEvent || node->type == NodeType::RecordEvent)
      left.insert(node);
  EXPECT_EQ(left, (Nodes{firstHost, firstDevice, host, device}));
  EXPECT_EQ(driver.dependencies(end), (std::vector<const Node *>{last, device}));
  EXPECT_EQ(remove(), 0u);
}

TEST_F(GraphEventsTest, WaitsForWhatTheGraphHasRecordedGo) {
  Node *recorded = record(1, {kernel({})});
  Node *a = kernel({}), *b = kernel({wait(1, {recorded, a})});
  EXPECT_EQ(remove(), 1u);
  EXPECT_EQ(driver.dependencies(b), (std::vector<const Node *>{recorded, a}));
}

TEST_F(GraphEventsTest, EventsWhoseNodesAreNotInARowStay) {
  Node *first = kernel({});
  Node *a = record(1, {first}), *b = record(1, {first});
  kernel({wait(1, {a, b})});
  EXPECT_EQ(remove(), 0u);
  EXPECT_EQ(driver.nodes(0).size(), 5u);
}

TEST_F(GraphEventsTest, NothingIsLostWhereTheDriverRefuses) {
  Node *end = kernel({record(1, {kernel({record(1, {kernel({record(1, {kernel({})})})})})})});
  std::map<const Node *, Nodes> before = ancestors();
  driver.refusesDestruction = true;
  EXPECT_EQ(remove(), 0u);
  EXPECT_EQ(ancestors(), before);
  driver.refusesDestruction = false;
  EXPECT_EQ(remove(), 2u);
  EXPECT_EQ(ancestors()[end].size(), 4u);
  driver.functions.graphGetEdges = [](Graph, GraphNode *, GraphNode *, EdgeData *, size_t *) -> Result { return 1; };
  EXPECT_EQ(remove(), 0u);
}

TEST_F(GraphEventsTest, TheOrderOfWhatStaysIsTheSameInAnyGraph) {
  std::mt19937 random(0);
  auto draw = [&](size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random); };
  uint64_t removed = 0;
  for (size_t round = 0; round < 300; ++round) {
    for (const Node *node : driver.nodes(0))
      driver.functions.graphDestroyNode(reinterpret_cast<GraphNode>(const_cast<Node *>(node)));
    std::vector<Node *> made;
    size_t streams = 1 + draw(3), events = 1 + draw(3);
    std::vector<Node *> ends(streams);
    for (size_t i = 0, count = 5 + draw(25); i < count; ++i) {
      size_t stream = draw(streams);
      std::set<Node *> before;
      if (ends[stream])
        before.insert(ends[stream]);
      if (Node *other = ends[draw(streams)])
        before.insert(other);
      std::vector<Node *> list(before.begin(), before.end());
      size_t kind = draw(4), number = 1 + draw(events);
      ends[stream] = kind == 0 ? wait(number, list) : kind == 1 ? record(number, list) : kernel(list);
      made.push_back(ends[stream]);
    }
    std::map<const Node *, Nodes> before = ancestors();
    removed += remove();
    std::map<const Node *, Nodes> after = ancestors();
    for (auto &[node, those] : after)
      for (const Node *each : made)
        if (!each->destroyed)
          ASSERT_EQ(those.count(each), before[node].count(each)) << "round " << round;
    // Outside the graph nothing is known but the events.
    for (size_t number = 1; number <= events; ++number) {
      std::vector<const Node *> of;
      for (const Node *node : made)
        if (node->type != NodeType::Kernel && node->event == event(number))
          of.push_back(node);
      bool inARow = true;
      for (size_t i = 1; i < of.size(); ++i)
        inARow &= before[of[i]].count(of[i - 1]) != 0;
      auto isRecord = [](const Node *node) { return node->type == NodeType::RecordEvent; };
      auto lastRecord = std::find_if(of.rbegin(), of.rend(), isRecord);
      for (const Node *node : of) {
        bool needed = lastRecord != of.rend() && node == *lastRecord;
        needed |= node == of.front() && !isRecord(node);
        ASSERT_EQ(!node->destroyed, needed || !inARow) << "round " << round;
      }
    }
  }
  EXPECT_GT(removed, 300u);
}

} // namespace

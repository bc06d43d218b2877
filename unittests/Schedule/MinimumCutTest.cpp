#include "MinimumCut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using raddle::MinimumCut;

namespace {

struct Edge {
  MinimumCut::Node from, to;
  int64_t capacity;
};

int64_t capacityOf(const std::vector<Edge> &edges, uint32_t side) {
  int64_t sum = 0;
  for (const Edge &edge : edges)
    if ((side >> edge.from & 1) && !(side >> edge.to & 1))
      sum += edge.capacity;
  return sum;
}

} // namespace

TEST(MinimumCut, IsTheLeastOfAllCutsOfRandomGraphs) {
  constexpr uint32_t nodes = 9, source = 0, sink = 8;
  std::mt19937 generator(3);
  for (int round = 0; round < 200; ++round) {
    MinimumCut cut;
    for (uint32_t node = 0; node < nodes; ++node)
      cut.addNode();
    std::vector<Edge> edges;
    for (int i = 0; i < 24; ++i) {
      edges.push_back({uint32_t(generator() % nodes), uint32_t(generator() % nodes), int64_t(generator() % 20)});
      cut.addEdge(edges.back().from, edges.back().to, edges.back().capacity);
    }
    std::vector<bool> side = cut.sourceSide(source, sink);
    ASSERT_TRUE(side[source]);
    ASSERT_FALSE(side[sink]);
    uint32_t found = 0;
    for (uint32_t node = 0; node < nodes; ++node)
      found |= uint32_t(side[node]) << node;
    int64_t least = MinimumCut::unlimited;
    for (uint32_t other = 0; other < (1u << nodes); ++other)
      if ((other >> source & 1) && !(other >> sink & 1))
        least = std::min(least, capacityOf(edges, other));
    EXPECT_EQ(capacityOf(edges, found), least) << "round " << round;
  }
}

TEST(MinimumCut, NeverCutsWhatIsUnlimited) {
  MinimumCut cut;
  MinimumCut::Node source = cut.addNode(), held = cut.addNode(), sink = cut.addNode();
  cut.addEdge(source, held, int64_t(1) << 50);
  cut.addEdge(held, sink, MinimumCut::unlimited);
  EXPECT_EQ(cut.sourceSide(source, sink), (std::vector<bool>{true, false, false}));
}

TEST(MinimumCut, FollowsPathsAsLongAsPrograms) {
  MinimumCut cut;
  constexpr uint32_t length = 200000;
  for (uint32_t node = 0; node < length; ++node)
    cut.addNode();
  for (uint32_t node = 0; node + 1 < length; ++node)
    cut.addEdge(node, node + 1, node == length / 2 ? 1 : 5);
  std::vector<bool> side = cut.sourceSide(0, length - 1);
  EXPECT_EQ(std::count(side.begin(), side.end(), true), length / 2 + 1);
}

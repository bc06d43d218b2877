#include "KeepGraph.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

using raddle::KeepGraph;

namespace {

struct Value {
  size_t op;
  int64_t bytes;
  bool isRead; // by backward
};

/// A program's forward part, for the graph and for counting.
struct Forward {
  std::vector<std::optional<int64_t>> repeatCosts;
  std::vector<std::vector<size_t>> operands; // of each op: numbers of values
  std::vector<Value> values;

  /// What a choice costs, by definition; nothing where it repeats what must not be.
  std::optional<int64_t> costOf(const std::vector<bool> &repeated) const {
    int64_t cost = 0;
    std::vector<bool> needed;
    for (const Value &value : values)
      needed.push_back(value.isRead);
    for (size_t op = 0; op < operands.size(); ++op) {
      if (!repeated[op])
        continue;
      if (!repeatCosts[op])
        return std::nullopt;
      cost += *repeatCosts[op];
      for (size_t value : operands[op])
        needed[value] = true;
    }
    for (size_t value = 0; value < values.size(); ++value)
      cost += needed[value] && !repeated[values[value].op] ? values[value].bytes : 0;
    return cost;
  }

  std::vector<bool> chosen() const {
    KeepGraph graph;
    std::vector<KeepGraph::Value> nodes;
    size_t next = 0;
    for (size_t op = 0; op < operands.size(); ++op) {
      llvm::SmallVector<KeepGraph::Value> read;
      for (size_t value : operands[op])
        read.push_back(nodes[value]);
      EXPECT_EQ(graph.addOp(repeatCosts[op], read), op);
      for (; next < values.size() && values[next].op == op; ++next)
        nodes.push_back(graph.addValue(op, values[next].bytes, values[next].isRead));
    }
    return graph.chooseRepeated();
  }

  int64_t leastOfAllChoices() const {
    int64_t least = std::numeric_limits<int64_t>::max();
    for (uint32_t bits = 0; bits < (1u << operands.size()); ++bits) {
      std::vector<bool> repeated;
      for (size_t op = 0; op < operands.size(); ++op)
        repeated.push_back(bits >> op & 1);
      least = std::min(least, costOf(repeated).value_or(least));
    }
    return least;
  }
};

} // namespace

TEST(KeepGraph, CostsLeastOfAllChoicesOfRandomPrograms) {
  std::mt19937 random(9);
  auto number = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int round = 0; round < 400; ++round) {
    Forward forward;
    for (int op = 0, ops = number(1, 10); op < ops; ++op) {
      forward.repeatCosts.push_back(number(0, 3) ? std::optional<int64_t>(number(0, 40)) : std::nullopt);
      std::vector<size_t> &operands = forward.operands.emplace_back();
      for (int i = number(0, 3); i > 0 && !forward.values.empty(); --i)
        operands.push_back(static_cast<size_t>(number(0, static_cast<int>(forward.values.size()) - 1)));
      for (int i = number(1, 2); i > 0; --i)
        forward.values.push_back({static_cast<size_t>(op), number(0, 30), number(0, 1) == 1});
    }
    std::optional<int64_t> found = forward.costOf(forward.chosen());
    ASSERT_TRUE(found) << "round " << round << ": repeats what must not be";
    ASSERT_EQ(*found, forward.leastOfAllChoices()) << "round " << round;
  }
}

TEST(KeepGraph, HoldsTheNarrowEndOfAChain) {
  // A small value is spread out twice, and backward reads the large ones: they are computed again from the small one.
  Forward forward;
  forward.repeatCosts = {std::nullopt, 30, 30};
  forward.operands = {{}, {0}, {1}};
  forward.values = {{0, 10, false}, {1, 100, true}, {2, 100, true}};
  EXPECT_EQ(forward.chosen(), (std::vector<bool>{false, true, true}));
  // One that is dear to repeat is held, and what follows from it is repeated.
  forward.repeatCosts[1] = 200;
  EXPECT_EQ(forward.chosen(), (std::vector<bool>{false, false, true}));
}

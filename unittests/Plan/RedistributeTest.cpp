#include "raddle/Plan/Redistribute.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace raddle::plan;

// Every rank's memory, moved piece by piece.
static std::vector<std::vector<int64_t>> move(const std::vector<Piece> &pieces,
                                              const std::vector<std::vector<int64_t>> &source, int64_t ranks,
                                              int64_t elements) {
  std::vector<std::vector<int64_t>> result(ranks, std::vector<int64_t>(elements, -1));
  for (const Piece &piece : pieces)
    for (int64_t i = 0; i < piece.count; ++i)
      result.at(piece.to).at(piece.target + i) = source.at(piece.from).at(piece.source + i);
  return result;
}

// A bucket's slices: element `offset + i` of the whole is `i` for elements of the tensor, -1 for the rest.
static std::vector<std::vector<int64_t>> slicesOf(Interval place, int64_t elements, int64_t ranks) {
  std::vector<std::vector<int64_t>> slices(ranks, std::vector<int64_t>(place.shard, -1));
  for (int64_t i = 0; i < elements; ++i)
    slices[(place.offset + i) / place.shard][(place.offset + i) % place.shard] = i;
  return slices;
}

TEST(Redistribute, MovesEveryElementOnceForAnyTwoLayouts) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    int64_t ranks = 1 + random() % 7, elements = random() % 40;
    auto draw = [&] {
      int64_t shard = std::max<int64_t>(1, (elements + ranks - 1) / ranks + random() % 9);
      return Interval{static_cast<int64_t>(random() % (ranks * shard - elements + 1)), shard};
    };
    Interval source = draw(), target = draw();
    std::vector<Piece> pieces;
    appendRedistribution(pieces, source, target, elements);
    EXPECT_EQ(move(pieces, slicesOf(source, elements, ranks), ranks, target.shard), slicesOf(target, elements, ranks));

    int64_t root = random() % ranks;
    auto whole = move(gatherToRoot(source, elements, root), slicesOf(source, elements, ranks), ranks, elements);
    for (int64_t rank = 0; rank < ranks; ++rank)
      for (int64_t i = 0; i < elements; ++i)
        EXPECT_EQ(whole[rank][i], rank == root ? i : -1);
    EXPECT_EQ(move(scatterFromRoot(target, elements, root), whole, ranks, target.shard),
              slicesOf(target, elements, ranks));
  }
}

TEST(BalanceRoots, StaysWithinGrahamsBoundOfTheBestAssignment) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    int64_t ranks = 1 + random() % 3;
    std::vector<double> costs(1 + random() % 7);
    for (double &cost : costs)
      cost = 1 + random() % 20;
    std::vector<int64_t> roots = balanceRoots(costs, ranks);
    auto largest = [&](const std::vector<int64_t> &assignment) {
      std::vector<double> loads(ranks);
      for (size_t i = 0; i < costs.size(); ++i)
        loads.at(assignment[i]) += costs[i];
      return *std::max_element(loads.begin(), loads.end());
    };
    double best = 1e300;
    std::vector<int64_t> assignment(costs.size(), 0);
    for (;;) {
      best = std::min(best, largest(assignment));
      size_t digit = 0;
      while (digit < assignment.size() && ++assignment[digit] == ranks)
        assignment[digit++] = 0;
      if (digit == assignment.size())
        break;
    }
    EXPECT_LE(largest(roots), best * (4.0 / 3 - 1.0 / (3 * ranks)) + 1e-9);
  }
}

#include "raddle/Plan/Redistribute.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <tuple>

namespace raddle::plan {

void appendRedistribution(std::vector<Piece> &pieces, Interval source, Interval target, int64_t elements) {
  for (int64_t done = 0; done < elements;) {
    int64_t from = source.offset + done, to = target.offset + done;
    int64_t count = std::min({elements - done, source.shard - from % source.shard, target.shard - to % target.shard});
    pieces.push_back({from / source.shard, to / target.shard, from % source.shard, to % target.shard, count});
    done += count;
  }
}

std::vector<Piece> gatherToRoot(Interval source, int64_t elements, int64_t root) {
  std::vector<Piece> pieces;
  for (int64_t done = 0; done < elements;) {
    int64_t from = source.offset + done;
    int64_t count = std::min(elements - done, source.shard - from % source.shard);
    pieces.push_back({from / source.shard, root, from % source.shard, done, count});
    done += count;
  }
  return pieces;
}

std::vector<Piece> scatterFromRoot(Interval target, int64_t elements, int64_t root) {
  std::vector<Piece> pieces = gatherToRoot(target, elements, root);
  for (Piece &piece : pieces) {
    std::swap(piece.from, piece.to);
    std::swap(piece.source, piece.target);
  }
  return pieces;
}

std::vector<int64_t> balanceRoots(const std::vector<double> &costs, int64_t ranks) {
  std::vector<size_t> order(costs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return costs[a] > costs[b]; });
  using Load = std::pair<double, int64_t>; // cost so far, rank: the lowest rank of equal ones
  std::priority_queue<Load, std::vector<Load>, std::greater<Load>> loads;
  for (int64_t rank = 0; rank < ranks; ++rank)
    loads.push({0.0, rank});
  std::vector<int64_t> roots(costs.size());
  for (size_t index : order) {
    auto [load, rank] = loads.top();
    loads.pop();
    roots[index] = rank;
    loads.push({load + costs[index], rank});
  }
  return roots;
}

} // namespace raddle::plan

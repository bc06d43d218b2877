#include "Profile.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include <limits>

namespace raddle {

/// Half of the least number: what is added to it does not overflow.
static constexpr int64_t kNothing = std::numeric_limits<int64_t>::min() / 2;

Profile::Profile(llvm::ArrayRef<int64_t> amounts)
    : positions(amounts.size()), leaves(llvm::bit_ceil(amounts.size() + 1)), nodes(2 * leaves) {
  for (int64_t position = 0; position < leaves; ++position)
    nodes[leaves + position].most = position < positions ? amounts[position] : kNothing;
  for (int64_t node = leaves - 1; node > 0; --node)
    nodes[node].most = std::max(nodes[2 * node].most, nodes[2 * node + 1].most);
}

int64_t Profile::at(int64_t position) const {
  int64_t amount = nodes[leaves + position].most;
  for (int64_t node = (leaves + position) / 2; node > 0; node /= 2)
    amount += nodes[node].added;
  return amount;
}

int64_t Profile::firstPeak() const {
  if (positions == 0)
    return 0;
  int64_t node = 1;
  while (node < leaves)
    node = nodes[2 * node].most >= nodes[2 * node + 1].most ? 2 * node : 2 * node + 1;
  return node - leaves;
}

int64_t Profile::lastAbove(int64_t first, int64_t last, int64_t limit) const {
  return first < last ? lastAbove({1, 0, leaves}, first, last, limit) : first - 1;
}

int64_t Profile::lastAbove(Span span, int64_t first, int64_t last, int64_t limit) const {
  const Node &node = nodes[span.node];
  if (span.last <= first || last <= span.first || node.most <= limit)
    return first - 1;
  if (span.node >= leaves)
    return span.first;
  int64_t found = lastAbove(span.right(), first, last, limit - node.added);
  return found >= first ? found : lastAbove(span.left(), first, last, limit - node.added);
}

void Profile::add(int64_t first, int64_t last, int64_t amount) {
  if (first < last)
    add({1, 0, leaves}, first, last, amount);
}

void Profile::add(Span span, int64_t first, int64_t last, int64_t amount) {
  if (span.last <= first || last <= span.first)
    return;
  Node &node = nodes[span.node];
  if (first <= span.first && span.last <= last) {
    node.added += amount;
    node.most += amount;
    return;
  }
  add(span.left(), first, last, amount);
  add(span.right(), first, last, amount);
  node.most = std::max(nodes[2 * span.node].most, nodes[2 * span.node + 1].most) + node.added;
}

} // namespace raddle

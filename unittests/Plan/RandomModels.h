// Random inputs of the planner.
#ifndef RADDLE_UNITTESTS_PLAN_RANDOMMODELS_H
#define RADDLE_UNITTESTS_PLAN_RANDOMMODELS_H

#include "raddle/Plan/ModelPlanner.h"

#include <numeric>
#include <ostream>
#include <random>

namespace raddle::plan {

struct Case {
  std::vector<Parameter> parameters;
  PlanOptions options;
};

inline std::ostream &operator<<(std::ostream &stream, const Case &c) {
  stream << c.options.ranks << " ranks, " << c.options.shardRanks << " share, block " << c.options.block.rows << "x"
         << c.options.block.columns;
  for (const Parameter &parameter : c.parameters) {
    stream << "\n  " << parameter.name << " " << parameter.dtype << " [";
    for (int64_t extent : parameter.shape)
      stream << extent << " ";
    stream << "]";
    if (parameter.block)
      stream << " block " << parameter.block->rows << "x" << parameter.block->columns;
  }
  return stream;
}

/// Models of a few layers with odd shapes, blocks of every kind, and few enough bytes that padding matters.
class RandomModels {
public:
  explicit RandomModels(uint64_t seed) : random(seed) {}

  Case next() {
    Case c;
    c.options.ranks = int64_t(1) << number(0, 4);
    c.options.ranks *= number(1, 3);
    c.options.shardRanks = number(0, 4) == 0 ? c.options.ranks / std::gcd(c.options.ranks, number(1, 4)) : 0;
    c.options.block = block();
    int64_t largest = int64_t(8) << number(0, 7), layers = number(1, 5);
    std::vector<std::vector<int64_t>> shapes;
    for (int64_t count = number(1, 4); count > 0; --count)
      shapes.push_back(shape(largest));
    // Most layers are alike; some have a tensor of their own.
    for (int64_t layer = 0; layer < layers; ++layer) {
      for (size_t i = 0; i < shapes.size(); ++i)
        add(c, "layers." + std::to_string(layer) + "." + std::to_string(i), shapes[i]);
      if (number(0, 3) == 0)
        add(c, "layers." + std::to_string(layer) + ".extra", shape(largest));
    }
    for (int64_t count = number(0, 2); count > 0; --count)
      add(c, "head" + std::to_string(count), shape(largest));
    return c;
  }

private:
  void add(Case &c, std::string name, std::vector<int64_t> shape) {
    static const char *kTypes[] = {"bf16", "bf16", "bf16", "f32", "f8e4m3"};
    Parameter parameter{std::move(name), std::move(shape), kTypes[number(0, 4)], "", std::nullopt};
    if (number(0, 5) == 0)
      parameter.bucket = "given" + std::to_string(number(0, 1));
    if (number(0, 5) == 0)
      parameter.block = block();
    c.parameters.push_back(std::move(parameter));
  }

  std::vector<int64_t> shape(int64_t largest) {
    std::vector<int64_t> shape;
    for (int64_t rank = number(0, 3); rank > 0; --rank)
      shape.push_back(rank > 2 ? number(1, 4) : number(number(0, 9) == 0 ? 0 : 1, largest));
    return shape;
  }

  Block block() {
    switch (number(0, 3)) {
    case 0:
      return Block();
    case 1:
      return {Block::Kind::Rows, number(1, 40), 1};
    default:
      return {Block::Kind::Tile, number(1, 40), number(1, 40)};
    }
  }

  int64_t number(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

  std::mt19937_64 random;
};

} // namespace raddle::plan

#endif // RADDLE_UNITTESTS_PLAN_RANDOMMODELS_H

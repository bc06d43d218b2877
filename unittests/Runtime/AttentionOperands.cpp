#include "AttentionOperands.h"

#include "raddle/runtime/Convert.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace raddle;
using namespace raddle::runtime;

AttentionOperands::AttentionOperands(const AttentionCase &c)
    : c(c), shapes(attention::shapesOf(c.extents, hiding(), true)) {
  for (size_t i = 0; i < shapes.size(); ++i) {
    strides.push_back(isMask(i) ? maskStrides() : vectorStrides(shapes[i]));
    bytes.emplace_back(elementsOf(i) * byteSize(typeOf(i)));
  }
  std::mt19937 generator(1);
  for (size_t i = 0; i < shapes.size(); ++i)
    if (i < position(attention::Out) || i == position(attention::OutGrad))
      fill(i, generator);
}

size_t AttentionOperands::position(attention::Operand operand) const {
  return attention::positionOf(operand, hiding());
}

DType AttentionOperands::typeOf(size_t i) const {
  return i == position(attention::LogSumExp) ? DType::F32 : isMask(i) ? c.maskType : c.dtype;
}

AttentionProblem AttentionOperands::problem(bool backward) const {
  AttentionProblem p;
  p.extents = c.extents;
  p.scale = 1.0f / std::sqrt(static_cast<float>(c.extents[attention::Width]));
  p.causal = c.causal;
  p.hiding = hiding();
  p.hidingType = c.maskType;
  p.dtype = c.dtype;
  p.backward = backward;
  p.unordered = c.unordered && backward;
  size_t count = attention::shapesOf(c.extents, p.hiding, backward).size();
  p.strides.assign(strides.begin(), strides.begin() + static_cast<std::ptrdiff_t>(count));
  return p;
}

std::vector<float> AttentionOperands::values(size_t i) const {
  std::vector<float> wide(elementsOf(i));
  convertElements(bytes[i].data(), typeOf(i), wide.data(), DType::F32, wide.size());
  return wide;
}

size_t AttentionOperands::elementsOf(size_t i) const {
  size_t count = 1;
  for (size_t dim = 0; dim < 4; ++dim)
    count *= strides[i][dim] == 0 ? 1 : static_cast<size_t>(shapes[i][dim]);
  return count;
}

attention::Shape AttentionOperands::vectorStrides(const attention::Shape &shape) const {
  auto [batch, heads, positions, width] = shape;
  if (c.isTokenMajor && width > 1)
    return {positions * heads * width, width, heads * width, 1};
  return {heads * positions * width, positions * width, width, 1};
}

attention::Shape AttentionOperands::maskStrides() const {
  int64_t keys = c.extents[attention::Keys], queries = c.extents[attention::Queries];
  int64_t heads = c.extents[attention::KeyHeads] * c.extents[attention::Repeat];
  switch (c.mask) {
  case MaskOf::Keys:
  case MaskOf::Lengths:
    return {keys, 0, 0, 1};
  case MaskOf::Heads:
    return {0, queries * keys, keys, 1};
  case MaskOf::EmptyRows:
    return {queries * keys, 0, keys, 1};
  default:
    return {heads * queries * keys, queries * keys, keys, 1};
  }
}

void AttentionOperands::fill(size_t i, std::mt19937 &generator) {
  std::normal_distribution<float> normal;
  std::vector<float> wide(elementsOf(i));
  size_t keys = static_cast<size_t>(c.extents[attention::Keys]);
  for (size_t e = 0; e < wide.size(); ++e) {
    size_t row = e / keys, key = e % keys, rows = std::max<size_t>(wide.size() / keys, 2);
    bool isHidden = c.mask == MaskOf::Keys      ? key > keys / 2 + row * 7
                    : c.mask == MaskOf::Lengths ? key >= row * keys / (rows - 1)
                                                : row % 7 == 3 || e % 3 == 0;
    wide[e] = normal(generator);
    if (isMask(i) && c.mask != MaskOf::Heads && c.mask != MaskOf::All)
      wide[e] = isHidden ? -std::numeric_limits<float>::infinity() : 0.0f;
  }
  convertElements(wide.data(), DType::F32, bytes[i].data(), typeOf(i), wide.size());
}

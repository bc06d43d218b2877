// The operands of an attention instruction: how many there are, and their dimensions. Compiler and runtime share it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace raddle::attention {

/// Names of the extents, in the order of the list `extents`. Query head h reads key head h / Repeat.
enum Extent : size_t { Batch, KeyHeads, Repeat, Queries, Keys, Width, ValueWidth, numExtents };
using Extents = std::array<int64_t, numExtents>;

/// Extents, or strides, of batch, head, position and element of a vector. A dimension that an operand lacks has extent
/// one.
using Shape = std::array<int64_t, 4>;

/// What hides keys of a query besides causality: a mask, or lengths, one an element of the batch, of which key t is
/// visible where t < length. Lengths may be negative, which hides all keys as zero does, and exceed the keys.
enum class Hiding : uint8_t { Nothing, Mask, Lengths };

/// The operands, inputs and then outputs. What hides keys, if something does, stands before `Out`.
enum Operand : size_t { Query, Key, Value, Out, LogSumExp, OutGrad, QueryGrad, KeyGrad, ValueGrad };
constexpr size_t hidingPosition = Out;

inline size_t positionOf(Operand operand, Hiding hiding) {
  return operand + (hiding != Hiding::Nothing && operand >= Out ? 1 : 0);
}

/// The number of inputs; the other operands are outputs.
inline size_t countInputs(Hiding hiding, bool backward) { return positionOf(backward ? QueryGrad : Out, hiding); }

/// The extents of all operands, in their order. No number of `extents` exceeds 2^31.
inline std::vector<Shape> shapesOf(const Extents &extents, Hiding hiding, bool backward) {
  auto [batch, keyHeads, repeat, queries, keys, width, valueWidth] = extents;
  int64_t heads = keyHeads * repeat;
  Shape query{batch, heads, queries, width}, key{batch, keyHeads, keys, width};
  Shape value{batch, keyHeads, keys, valueWidth}, out{batch, heads, queries, valueWidth};
  std::vector<Shape> shapes{query, key, value};
  if (hiding == Hiding::Mask)
    shapes.push_back({batch, heads, queries, keys});
  else if (hiding == Hiding::Lengths)
    shapes.push_back({batch, 1, 1, 1});
  shapes.insert(shapes.end(), {out, {batch, heads, queries, 1}});
  if (backward)
    shapes.insert(shapes.end(), {out, query, key, value});
  return shapes;
}

} // namespace raddle::attention

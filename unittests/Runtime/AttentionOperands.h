// Calls of attention with operands of random numbers, for tests that compute them twice.
#pragma once

#include "raddle/runtime/Attention.h"

#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <vector>

/// What a mask has a number for; the rest repeats. `EmptyRows` hides all keys of some queries, `Lengths` all of the
/// first element of the batch, none of the last, and between them those from some key on.
enum class MaskOf { None, Keys, Heads, All, EmptyRows, Lengths };

struct AttentionCase {
  std::string name;
  raddle::attention::Extents extents;
  bool causal = false;
  MaskOf mask = MaskOf::None;
  raddle::runtime::DType maskType = raddle::runtime::DType::BF16;
  bool isTokenMajor = false; // [batch, position, head, element]
  bool unordered = false;
  raddle::runtime::DType dtype = raddle::runtime::DType::BF16;
};

/// GoogleTest names a case so.
inline void PrintTo(const AttentionCase &c, std::ostream *stream) { *stream << c.name; }

/// All operands of the gradient, of which forward has the first ones, as they are stored. The same numbers each time.
class AttentionOperands {
public:
  explicit AttentionOperands(const AttentionCase &c);

  size_t position(raddle::attention::Operand operand) const;
  raddle::runtime::AttentionProblem problem(bool backward) const;
  /// Operand `i` in f32.
  std::vector<float> values(size_t i) const;

  std::vector<std::vector<uint8_t>> bytes;

private:
  const AttentionCase &c;
  std::vector<raddle::attention::Shape> shapes, strides;

  raddle::attention::Hiding hiding() const {
    return c.mask == MaskOf::None ? raddle::attention::Hiding::Nothing : raddle::attention::Hiding::Mask;
  }
  bool isMask(size_t i) const { return c.mask != MaskOf::None && i == raddle::attention::hidingPosition; }
  raddle::runtime::DType typeOf(size_t i) const;
  size_t elementsOf(size_t i) const;
  raddle::attention::Shape vectorStrides(const raddle::attention::Shape &shape) const;
  raddle::attention::Shape maskStrides() const;
  void fill(size_t i, std::mt19937 &generator);
};

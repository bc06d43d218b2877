#include "raddle/runtime/Attention.h"
#include "raddle/runtime/Convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace raddle;
using namespace raddle::runtime;
using attention::Hiding;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

// A problem with its operands, each stored as [batch, position, head, element], and the same computed by definition.
class Case {
public:
  Case(const attention::Extents &extents, bool causal, Hiding hiding = Hiding::Nothing, DType type = DType::Bool) {
    problem.extents = extents;
    problem.causal = causal;
    problem.hiding = hiding;
    problem.hidingType = type;
    problem.scale = 0.3f;
    shapes = attention::shapesOf(extents, hiding, /*backward=*/true);
    for (const attention::Shape &shape : shapes) {
      auto [batch, heads, positions, width] = shape;
      // A gap behind each vector, so that strides are not what extents say.
      strides.push_back({positions * heads * (width + 1), width + 1, heads * (width + 1), 1});
      operands.emplace_back(batch * heads * positions * (width + 1), 7.0f);
    }
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    for (attention::Operand operand : {attention::Query, attention::Key, attention::Value, attention::OutGrad})
      for (float &value : of(operand))
        value = normal(generator);
  }

  std::vector<float> &of(attention::Operand operand) { return operands[positionOf(operand)]; }
  std::vector<float> &mask() { return operands[attention::hidingPosition]; }
  std::vector<uint8_t> visible; // the mask where it is boolean
  std::vector<int64_t> lengths;
  std::vector<int32_t> narrowLengths; // the same where they are i32

  size_t positionOf(attention::Operand operand) const { return attention::positionOf(operand, problem.hiding); }

  size_t at(size_t position, int64_t b, int64_t h, int64_t s, int64_t e) const {
    const attention::Shape &stride = strides[position];
    return b * stride[0] + h * stride[1] + s * stride[2] + e * stride[3];
  }
  float &get(attention::Operand operand, int64_t b, int64_t h, int64_t s, int64_t e) {
    return of(operand)[at(positionOf(operand), b, h, s, e)];
  }

  void run(bool backward, unsigned threads) {
    AttentionProblem p = problem;
    p.backward = backward;
    std::vector<void *> pointers;
    size_t count = attention::shapesOf(p.extents, p.hiding, backward).size();
    for (size_t i = 0; i < count; ++i) {
      p.strides.push_back(strides[i]);
      bool isHiding = p.hiding != Hiding::Nothing && i == attention::hidingPosition;
      pointers.push_back(isHiding ? hidingData(p.hidingType) : operands[i].data());
    }
    ThreadPool pool(threads);
    runAttention(p, pointers.data(), pool);
  }

  void *hidingData(DType type) {
    switch (type) {
    case DType::Bool:
      return visible.data();
    case DType::I64:
      return lengths.data();
    case DType::I32:
      return narrowLengths.data();
    default:
      return mask().data();
    }
  }

  double score(int64_t b, int64_t h, int64_t s, int64_t t) {
    if ((problem.causal && t > s) || (problem.hiding == Hiding::Lengths && t >= lengths[b]))
      return -infinity;
    double product = 0;
    for (int64_t d = 0; d < extent(attention::Width); ++d)
      product +=
          double(get(attention::Query, b, h, s, d)) * get(attention::Key, b, h / extent(attention::Repeat), t, d);
    product *= problem.scale;
    if (!problem.hasMask())
      return product;
    size_t position = at(attention::hidingPosition, b, h, s, t);
    if (problem.hidingType == DType::F32)
      return product + mask()[position];
    return visible[position] ? product : -infinity;
  }

  int64_t extent(attention::Extent which) const { return problem.extents[which]; }

  // Compares out, log-sum-exp and the three gradients with sums in double over all pairs.
  void expectDefinition() {
    int64_t keys = extent(attention::Keys), width = extent(attention::Width), out = extent(attention::ValueWidth);
    std::vector<double> keyGrad(of(attention::Key).size()), valueGrad(of(attention::Value).size());
    size_t keyAt = positionOf(attention::Key), valueAt = positionOf(attention::Value);
    auto near = [](double found, double expected, const char *what) {
      EXPECT_NEAR(found, expected, 2e-4 + 1e-4 * std::abs(expected)) << what;
    };
    for (int64_t b = 0; b < extent(attention::Batch); ++b)
      for (int64_t h = 0; h < extent(attention::KeyHeads) * extent(attention::Repeat); ++h)
        for (int64_t s = 0; s < extent(attention::Queries); ++s) {
          int64_t g = h / extent(attention::Repeat);
          std::vector<double> p(keys), dp(keys);
          double largest = -infinity, sum = 0, delta = 0;
          for (int64_t t = 0; t < keys; ++t)
            largest = std::max(largest, p[t] = score(b, h, s, t));
          for (double &value : p)
            sum += value = largest == -infinity ? 0 : std::exp(value - largest);
          double lse = sum == 0 ? infinity : largest + std::log(sum);
          for (int64_t e = 0; e < out; ++e) {
            double expected = 0;
            for (int64_t t = 0; t < keys; ++t)
              expected += sum == 0 ? 0 : p[t] / sum * get(attention::Value, b, g, t, e);
            near(get(attention::Out, b, h, s, e), expected, "out");
          }
          if (sum == 0)
            EXPECT_EQ(get(attention::LogSumExp, b, h, s, 0), infinity);
          else
            near(get(attention::LogSumExp, b, h, s, 0), lse, "log-sum-exp");
          for (int64_t t = 0; t < keys; ++t) {
            p[t] = sum == 0 ? 0 : p[t] / sum;
            for (int64_t e = 0; e < out; ++e) {
              double grad = get(attention::OutGrad, b, h, s, e);
              dp[t] += grad * get(attention::Value, b, g, t, e);
              valueGrad[at(valueAt, b, g, t, e)] += p[t] * grad;
            }
            delta += p[t] * dp[t];
          }
          for (int64_t d = 0; d < width; ++d) {
            double expected = 0;
            for (int64_t t = 0; t < keys; ++t) {
              double ds = problem.scale * p[t] * (dp[t] - delta);
              expected += ds * get(attention::Key, b, g, t, d);
              keyGrad[at(keyAt, b, g, t, d)] += ds * get(attention::Query, b, h, s, d);
            }
            near(get(attention::QueryGrad, b, h, s, d), expected, "query gradient");
          }
        }
    for (int64_t b = 0; b < extent(attention::Batch); ++b)
      for (int64_t g = 0; g < extent(attention::KeyHeads); ++g)
        for (int64_t t = 0; t < keys; ++t) {
          for (int64_t d = 0; d < width; ++d)
            near(get(attention::KeyGrad, b, g, t, d), keyGrad[at(keyAt, b, g, t, d)], "key gradient");
          for (int64_t e = 0; e < out; ++e)
            near(get(attention::ValueGrad, b, g, t, e), valueGrad[at(valueAt, b, g, t, e)], "value gradient");
        }
  }

  void check() {
    run(/*backward=*/false, 1);
    run(/*backward=*/true, 1);
    expectDefinition();
    // Vectors only: what lies between them stays.
    EXPECT_EQ(of(attention::Out)[extent(attention::ValueWidth)], 7.0f);
    // More threads than heads take blocks apart, and find the same.
    std::vector<std::vector<float>> alone = operands;
    run(/*backward=*/false, 7);
    run(/*backward=*/true, 7);
    EXPECT_EQ(operands, alone);
  }

  AttentionProblem problem;
  std::vector<attention::Shape> shapes, strides;
  std::vector<std::vector<float>> operands;
};

} // namespace

TEST(Attention, EqualsTheDefinition) { Case({2, 2, 1, 5, 7, 6, 3}, false).check(); }

TEST(Attention, SharesKeyHeads) { Case({2, 2, 3, 9, 9, 8, 8}, true).check(); }

TEST(Attention, WalksSeveralBlocksOfQueriesAndKeys) { Case({1, 1, 2, 150, 1100, 5, 4}, false).check(); }

TEST(Attention, SkipsWhatCausalityHides) {
  Case({1, 2, 1, 700, 600, 4, 4}, true).check();
  Case({1, 1, 1, 30, 900, 4, 4}, true).check();
}

TEST(Attention, AddsAMask) {
  Case c({2, 1, 2, 40, 600, 4, 4}, false, Hiding::Mask, DType::F32);
  for (size_t i = 0; i < c.mask().size(); ++i)
    c.mask()[i] = i % 7 == 3 ? -infinity : float(i % 5) - 2.0f;
  c.check();
}

TEST(Attention, HidesKeysAndGivesZerosWhereAllAreHidden) {
  Case c({2, 2, 1, 33, 530, 4, 4}, false, Hiding::Mask);
  c.visible.resize(c.mask().size());
  for (size_t i = 0; i < c.visible.size(); ++i)
    c.visible[i] = i % 3 != 0;
  auto show = [&](int64_t b, int64_t h, int64_t s, int64_t from, int64_t to) {
    for (int64_t t = 0; t < 530; ++t)
      c.visible[c.at(attention::hidingPosition, b, h, s, t)] = t >= from && t < to;
  };
  show(0, 1, 4, 0, 0); // one query of a block sees nothing
  for (int64_t s = 0; s < 33; ++s) {
    show(1, 0, s, 0, 0);                               // a whole head sees nothing
    show(1, 1, s, s < 16 ? 3 : 515, s < 16 ? 9 : 530); // what is seen begins and ends inside of blocks
  }
  c.check();
}

TEST(Attention, RepeatsAMaskOverHeadsAndQueries) {
  Case c({2, 2, 1, 10, 40, 4, 4}, false, Hiding::Mask);
  c.visible.assign(2 * 40, 1);
  for (int64_t t = 25; t < 40; ++t)
    c.visible[40 + t] = 0;
  c.strides[attention::hidingPosition] = {40, 0, 0, 1};
  c.check();
}

// The same bits as with a mask. Less than none, none, some, and more than all.
TEST(Attention, HidesKeysBeyondLengths) {
  const std::vector<int64_t> lengths = {-5, 0, 1, 512, 513, 600, 9999};
  for (bool causal : {false, true})
    for (DType type : {DType::I32, DType::I64}) {
      attention::Extents extents{7, 2, 2, 130, 600, 4, 3};
      Case c(extents, causal, Hiding::Lengths, type), masked(extents, causal, Hiding::Mask);
      c.lengths = lengths;
      c.narrowLengths.assign(lengths.begin(), lengths.end());
      c.strides[attention::hidingPosition] = {1, 0, 0, 0};
      c.check();
      masked.strides[attention::hidingPosition] = {600, 0, 0, 1};
      for (int64_t length : lengths)
        for (int64_t t = 0; t < 600; ++t)
          masked.visible.push_back(t < length);
      for (bool backward : {false, true})
        masked.run(backward, 1);
      for (attention::Operand operand :
           {attention::Out, attention::LogSumExp, attention::QueryGrad, attention::KeyGrad, attention::ValueGrad})
        EXPECT_EQ(c.of(operand), masked.of(operand)) << "operand " << operand;
    }
}

TEST(Attention, SharesALengthOverTheBatch) {
  Case c({3, 1, 1, 5, 20, 4, 4}, false, Hiding::Lengths, DType::I64);
  c.lengths = {7, 7, 7};
  c.strides[attention::hidingPosition] = {0, 0, 0, 0};
  c.check();
  // A column of a matrix.
  Case columns({3, 1, 1, 5, 20, 4, 4}, false, Hiding::Lengths, DType::I32);
  columns.lengths = {7, 20, 3};
  columns.narrowLengths = {7, -1, 20, -1, 3, -1};
  columns.strides[attention::hidingPosition] = {2, 0, 0, 0};
  columns.check();
}

static void roundTo(DType dtype, std::vector<float> &values) {
  std::vector<uint16_t> narrow(values.size());
  convertElements(values.data(), DType::F32, narrow.data(), dtype, values.size());
  convertElements(narrow.data(), dtype, values.data(), DType::F32, values.size());
}

// Both ways the same bits: operands of 16 bits, and the same numbers in f32 with the results rounded.
static void expectRoundedOnce(Case &c, DType dtype) {
  size_t logSumExp = c.positionOf(attention::LogSumExp);
  for (size_t i = 0; i < c.operands.size(); ++i)
    if (i != logSumExp)
      roundTo(dtype, c.operands[i]);
  std::vector<std::vector<uint16_t>> narrow;
  for (const std::vector<float> &operand : c.operands)
    convertElements(operand.data(), DType::F32, narrow.emplace_back(operand.size()).data(), dtype, operand.size());
  std::vector<float> logarithms = c.operands[logSumExp];
  ThreadPool pool(2);
  for (bool backward : {false, true}) {
    AttentionProblem p = c.problem;
    p.backward = backward;
    p.dtype = dtype;
    if (p.hasMask())
      p.hidingType = dtype;
    std::vector<void *> pointers;
    for (size_t i = 0; i < attention::shapesOf(p.extents, p.hiding, backward).size(); ++i) {
      p.strides.push_back(c.strides[i]);
      if (p.hiding == Hiding::Lengths && i == attention::hidingPosition)
        pointers.push_back(c.lengths.data());
      else
        pointers.push_back(i == logSumExp ? static_cast<void *>(logarithms.data()) : narrow[i].data());
    }
    std::vector<float> scratch(attentionScratchBytes(p) / sizeof(float));
    runAttention(p, pointers.data(), pool, scratch.data());
    c.run(backward, 1);
    for (size_t i = 0; i < pointers.size(); ++i)
      if (i != logSumExp)
        roundTo(dtype, c.operands[i]);
    EXPECT_EQ(logarithms, c.operands[logSumExp]);
    for (size_t i = 0; i < pointers.size(); ++i) {
      std::vector<float> found(narrow[i].size());
      convertElements(narrow[i].data(), dtype, found.data(), DType::F32, found.size());
      if (i != logSumExp)
        EXPECT_EQ(found, c.operands[i]) << "operand " << i << (backward ? " backward" : "");
    }
  }
}

TEST(Attention, RoundsOnceTo16Bits) {
  for (DType dtype : {DType::F16, DType::BF16}) {
    Case plain({2, 2, 3, 9, 20, 8, 5}, true);
    expectRoundedOnce(plain, dtype);
    Case masked({2, 2, 1, 12, 30, 4, 4}, false, Hiding::Mask, DType::F32);
    masked.strides[attention::hidingPosition] = {30, 0, 0, 1};
    for (size_t i = 0; i < masked.mask().size(); ++i)
      masked.mask()[i] = i % 5 == 2 ? -infinity : float(i % 3);
    expectRoundedOnce(masked, dtype);
    Case ragged({3, 2, 1, 12, 30, 4, 4}, false, Hiding::Lengths, DType::I64);
    ragged.lengths = {0, 11, 30};
    ragged.strides[attention::hidingPosition] = {1, 0, 0, 0};
    expectRoundedOnce(ragged, dtype);
  }
}

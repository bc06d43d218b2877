#include "AttentionBlock.h"

#include <algorithm>
#include <cblas.h>
#include <limits>

namespace raddle::runtime {

static constexpr float hidden = -std::numeric_limits<float>::infinity();

Blocking::Blocking(const AttentionProblem &problem) {
  keys = std::min(roundUpToRow(problem.extent(attention::Keys)), mostKeys);
  queries = std::min({problem.extent(attention::Queries), mostScores / keys, mostQueries});
}

void multiply(bool transposeA, bool transposeB, int64_t m, int64_t n, int64_t k, float alpha, const float *a,
              int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
  auto integer = [](int64_t value) { return static_cast<blasint>(value); };
  cblas_sgemm(CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans, integer(m),
              integer(n), integer(k), alpha, a, integer(lda), b, integer(ldb), beta, c, integer(ldc));
}

Rows AttentionHead::rows(attention::Operand operand) const {
  bool ofKeys = operand == attention::Key || operand == attention::Value || operand == attention::KeyGrad ||
                operand == attention::ValueGrad;
  const attention::Shape &stride = strides(operand);
  int64_t at = ofKeys ? head / problem.extent(attention::Repeat) : head;
  float *data = static_cast<float *>(operands[attention::positionOf(operand, problem.hiding)]);
  return {data + batch * stride[0] + at * stride[1], stride[2]};
}

float &AttentionHead::logSumExp(int64_t query) const { return *rows(attention::LogSumExp).row(query); }

template <typename T> const T *AttentionHead::mask(int64_t query) const {
  const attention::Shape &stride = problem.strides[attention::hidingPosition];
  return static_cast<const T *>(operands[attention::hidingPosition]) + batch * stride[0] + head * stride[1] +
         query * stride[2];
}

static bool isHidden(uint8_t visible) { return !visible; }
static bool isHidden(float added) { return added == hidden; }

template <typename T> Span AttentionHead::visibleByMask(const Span &queries, Span keys) const {
  const attention::Shape &stride = problem.strides[attention::hidingPosition];
  Span seen{keys.end, keys.begin};
  // A mask that all queries share is read once.
  int64_t last = stride[2] == 0 ? queries.begin + 1 : queries.end;
  for (int64_t query = queries.begin; query < last; ++query) {
    const T *row = mask<T>(query);
    int64_t begin = keys.begin, end = keys.end;
    while (begin < seen.begin && isHidden(row[begin * stride[3]]))
      ++begin;
    while (end > seen.end && isHidden(row[(end - 1) * stride[3]]))
      --end;
    seen = {std::min(seen.begin, begin), std::max(seen.end, end)};
  }
  return seen;
}

int64_t AttentionHead::length() const {
  int64_t keys = problem.extent(attention::Keys);
  if (problem.hiding != attention::Hiding::Lengths)
    return keys;
  const void *lengths = operands[attention::hidingPosition];
  int64_t at = batch * problem.strides[attention::hidingPosition][0];
  int64_t length = problem.hidingType == DType::I64 ? static_cast<const int64_t *>(lengths)[at]
                                                    : static_cast<const int32_t *>(lengths)[at];
  return std::clamp<int64_t>(length, 0, keys);
}

Span AttentionHead::visible(const Span &queries, const Span &keys) const {
  Span span{keys.begin, std::min(keys.end, length())};
  if (problem.causal)
    span.end = std::min(span.end, queries.end);
  if (problem.hasMask() && span.begin < span.end)
    span =
        problem.hidingType == DType::F32 ? visibleByMask<float>(queries, span) : visibleByMask<uint8_t>(queries, span);
  return span;
}

static void maskElement(float &score, uint8_t visible) { score = visible ? score : hidden; }
static void maskElement(float &score, float added) { score += added; }

template <typename T> void AttentionHead::applyMask(const Span &queries, const Span &keys, const Scores &scores) const {
  int64_t step = problem.strides[attention::hidingPosition][3];
  for (int64_t i = 0; i < queries.size(); ++i) {
    const T *row = mask<T>(queries.begin + i) + keys.begin * step;
    float *score = scores.row(i);
    // The usual case apart, so that it becomes vector code.
    if (step == 1)
      for (int64_t j = 0; j < keys.size(); ++j)
        maskElement(score[j], row[j]);
    else
      for (int64_t j = 0; j < keys.size(); ++j)
        maskElement(score[j], row[j * step]);
  }
}

void AttentionHead::score(const Span &queries, const Span &keys, const Scores &scores) const {
  Rows query = rows(attention::Query), key = rows(attention::Key);
  multiply(false, true, queries.size(), keys.size(), problem.extent(attention::Width), problem.scale,
           query.row(queries.begin), query.stride, key.row(keys.begin), key.stride, 0, scores.data, scores.stride);
  if (problem.hasMask() && problem.hidingType == DType::F32)
    applyMask<float>(queries, keys, scores);
  else if (problem.hasMask())
    applyMask<uint8_t>(queries, keys, scores);
  for (int64_t i = 0; i < queries.size(); ++i) {
    int64_t end = keys.size();
    if (problem.causal)
      end = std::clamp<int64_t>(queries.begin + i + 1 - keys.begin, 0, end);
    std::fill(scores.row(i) + end, scores.row(i) + roundUpToRow(keys.size()), hidden);
  }
}

} // namespace raddle::runtime

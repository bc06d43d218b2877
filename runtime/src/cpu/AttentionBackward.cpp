// Attention backward: probabilities are computed again from the log-sum-exp, block by block.
#include "AttentionBlock.h"

#include <algorithm>

namespace raddle::runtime {

namespace {

/// Some queries of one head against some keys: what they add to the gradients.
class BackwardBlock {
public:
  BackwardBlock(const AttentionProblem &problem, const AttentionHead &head, Span queries)
      : problem(problem), head(head), queries(queries), outGrad(head.rows(attention::OutGrad)) {
    // Σ_e g ∘ out is Σ_t p ∘ dp.
    Rows out = head.rows(attention::Out);
    for (int64_t i = 0; i < queries.size(); ++i)
      delta[i] =
          dotRows(outGrad.row(queries.begin + i), out.row(queries.begin + i), problem.extent(attention::ValueWidth));
  }

  /// Computes probabilities and the scores' gradients.
  void prepare(const Span &block) {
    keys = block;
    probabilities = {probabilityMemory, roundUpToRow(keys.size())};
    gradients = {gradientMemory, probabilities.stride};
    head.score(queries, keys, probabilities);
    Rows value = head.rows(attention::Value);
    multiply(false, true, queries.size(), keys.size(), problem.extent(attention::ValueWidth), 1,
             outGrad.row(queries.begin), outGrad.stride, value.row(keys.begin), value.stride, 0, gradients.data,
             gradients.stride);
    for (int64_t i = 0; i < queries.size(); ++i) {
      exponentiateRow(probabilities.row(i), probabilities.stride, head.logSumExp(queries.begin + i));
      differentiateRow(probabilities.row(i), gradients.row(i), keys.size(), delta[i]);
    }
  }

  void addToQueries(bool isFirst) {
    Rows key = head.rows(attention::Key), grad = head.rows(attention::QueryGrad);
    multiply(false, false, queries.size(), problem.extent(attention::Width), keys.size(), problem.scale, gradients.data,
             gradients.stride, key.row(keys.begin), key.stride, isFirst ? 0 : 1, grad.row(queries.begin), grad.stride);
  }

  void addToKeys() {
    Rows query = head.rows(attention::Query), grad = head.rows(attention::KeyGrad);
    multiply(true, false, keys.size(), problem.extent(attention::Width), queries.size(), problem.scale, gradients.data,
             gradients.stride, query.row(queries.begin), query.stride, 1, grad.row(keys.begin), grad.stride);
    Rows valueGrad = head.rows(attention::ValueGrad);
    multiply(true, false, keys.size(), problem.extent(attention::ValueWidth), queries.size(), 1, probabilities.data,
             probabilities.stride, outGrad.row(queries.begin), outGrad.stride, 1, valueGrad.row(keys.begin),
             valueGrad.stride);
  }

private:
  const AttentionProblem &problem;
  const AttentionHead &head;
  Span queries, keys{0, 0};
  Rows outGrad;
  Scores probabilities{nullptr, 0}, gradients{nullptr, 0};
  float delta[mostQueries];
  alignas(64) float probabilityMemory[mostScores];
  alignas(64) float gradientMemory[mostScores];
};

/// Which part of the gradients a task computes.
struct Task {
  int64_t batch, keyHead;
  Span repeats, queries, keys;
  bool ofQueries, ofKeys;
};

} // namespace

static void clearRows(const Rows &rows, const Span &span, int64_t width) {
  for (int64_t i = span.begin; i < span.end; ++i)
    std::fill_n(rows.row(i), width, 0.0f);
}

static void runTask(const AttentionProblem &problem, void *const *operands, const Blocking &blocking,
                    const Task &task) {
  int64_t repeat = problem.extent(attention::Repeat);
  if (task.ofKeys) {
    AttentionHead head(problem, operands, task.batch, task.keyHead * repeat);
    clearRows(head.rows(attention::KeyGrad), task.keys, problem.extent(attention::Width));
    clearRows(head.rows(attention::ValueGrad), task.keys, problem.extent(attention::ValueWidth));
  }
  for (int64_t r = task.repeats.begin; r < task.repeats.end; ++r) {
    AttentionHead head(problem, operands, task.batch, task.keyHead * repeat + r);
    for (int64_t query = task.queries.begin; query < task.queries.end; query += blocking.queries) {
      Span mine{query, std::min(query + blocking.queries, task.queries.end)};
      BackwardBlock block(problem, head, mine);
      bool isFirst = true;
      for (int64_t key = task.keys.begin; key < task.keys.end; key += blocking.keys) {
        Span seen = head.visible(mine, {key, std::min(key + blocking.keys, task.keys.end)});
        if (seen.begin >= seen.end)
          continue;
        block.prepare(seen);
        if (task.ofQueries)
          block.addToQueries(isFirst);
        if (task.ofKeys)
          block.addToKeys();
        isFirst = false;
      }
      if (isFirst && task.ofQueries)
        clearRows(head.rows(attention::QueryGrad), mine, problem.extent(attention::Width));
    }
  }
}

void runBackward(const AttentionProblem &problem, void *const *operands, ThreadPool &pool) {
  Blocking blocking(problem);
  int64_t keyHeads = problem.extent(attention::KeyHeads), repeat = problem.extent(attention::Repeat);
  Span repeats{0, repeat}, queries{0, problem.extent(attention::Queries)}, keys{0, problem.extent(attention::Keys)};
  int64_t groups = problem.extent(attention::Batch) * keyHeads;
  auto run = [&](int64_t tasks, auto &&taskAt) {
    pool.parallelFor(tasks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        runTask(problem, operands, blocking, taskAt(i));
    });
  };
  if (groups >= pool.size()) {
    run(groups, [&](int64_t i) { return Task{i / keyHeads, i % keyHeads, repeats, queries, keys, true, true}; });
    return;
  }
  // Too few heads for the threads. Blocks of keys and blocks of queries are apart, though both compute the
  // probabilities; sums have the order that they have above.
  auto blockOf = [](int64_t index, int64_t block, const Span &all) {
    return Span{index * block, std::min((index + 1) * block, all.end)};
  };
  int64_t keyBlocks = Blocking::count(keys.end, blocking.keys);
  run(groups * keyBlocks, [&](int64_t i) {
    int64_t group = i / keyBlocks;
    return Task{
        group / keyHeads, group % keyHeads, repeats, queries, blockOf(i % keyBlocks, blocking.keys, keys), false, true};
  });
  int64_t queryBlocks = Blocking::count(queries.end, blocking.queries), heads = repeat * queryBlocks;
  run(groups * heads, [&](int64_t i) {
    int64_t group = i / heads, r = i % heads / queryBlocks;
    return Task{group / keyHeads,
                group % keyHeads,
                {r, r + 1},
                blockOf(i % queryBlocks, blocking.queries, queries),
                keys,
                true,
                false};
  });
}

} // namespace raddle::runtime

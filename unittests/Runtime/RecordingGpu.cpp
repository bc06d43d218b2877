#include "RecordingGpu.h"

#include "raddle/runtime/Error.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <utility>

using namespace raddle;
using namespace raddle::runtime;

uint8_t *RecordingGpu::allocate(uint64_t bytes) {
  memory.emplace_back();
  EXPECT_TRUE(memory.back().allocate(bytes + deviceAlignment));
  uintptr_t start = reinterpret_cast<uintptr_t>(memory.back().data());
  return reinterpret_cast<uint8_t *>((start + deviceAlignment - 1) / deviceAlignment * deviceAlignment);
}

void RecordingGpu::load(const raddle::bundle::Bundle &bundle) {
  log.push_back("load");
  for (size_t i = 0; bundle.kernels() && i < bundle.kernels()->size(); ++i)
    arguments.push_back(bundle.kernels()->Get(static_cast<uint32_t>(i))->num_args());
}

void RecordingGpu::add(uint32_t stream, const std::string &what, std::function<void()> work,
                       uint64_t GraphCensus::*node) {
  log.push_back(what);
  Operation operation{stream,
                      [this, work = std::move(work)] {
                        work();
                        ++now;
                      },
                      node};
  add(std::move(operation));
}

void RecordingGpu::launch(uint32_t kernel, void *const *operands) {
  // As a driver does, it copies the addresses now.
  std::vector<void *> addresses(operands, operands + arguments[kernel]);
  add(computeStream, "kernel " + std::to_string(kernel),
      [this, kernel, addresses] { kernels[kernel](addresses.data()); });
}

size_t RecordingGpu::prepareGemm(const GemmProblem &problem, const GemmOperands &operands) {
  log.push_back("prepare gemm aligned " + std::to_string(alignmentOf(operands.a)) + " " +
                std::to_string(alignmentOf(operands.b)) + " " + std::to_string(alignmentOf(operands.c)));
  problems.push_back(problem);
  prepared.push_back(operands);
  return problems.size() - 1;
}

// A product writes its result: who measures loses it.
void RecordingGpu::measureGemms(const std::function<void(size_t, size_t)> &progress) {
  for (size_t i = 0; i < problems.size(); ++i) {
    gemm(i, prepared[i]);
    progress(i + 1, problems.size());
  }
  synchronize();
}

void RecordingGpu::gemm(size_t prepared, const GemmOperands &operands) {
  add(computeStream, "gemm " + std::to_string(prepared), [=] {
    AlignedBuffer scratch;
    ASSERT_TRUE(scratch.allocate(gemmScratchBytes(problems[prepared], pool.size())));
    runGemm(problems[prepared], operands, pool, scratch.data());
  });
}

size_t RecordingGpu::prepareAttention(const AttentionProblem &problem) {
  log.push_back(std::string("prepare attention ") + nameOf(problem.dtype) + (problem.backward ? " backward" : ""));
  attentions.push_back(problem);
  return attentions.size() - 1;
}

void RecordingGpu::attention(size_t prepared, void *const *operands) {
  std::vector<void *> addresses(operands, operands + attentions[prepared].strides.size());
  add(computeStream, "attention " + std::to_string(prepared), [this, prepared, addresses] {
    std::vector<float> scratch(attentionScratchBytes(attentions[prepared]) / sizeof(float));
    runAttention(attentions[prepared], addresses.data(), pool, scratch.data());
  });
}

void RecordingGpu::copy(void *dst, const void *src, uint64_t bytes) {
  if (bytes != 0)
    add(computeStream, "copy " + std::to_string(bytes), [=] { std::memmove(dst, src, bytes); }, &GraphCensus::copies);
}

void RecordingGpu::fill(void *dst, uint8_t byte, uint64_t bytes) {
  if (bytes != 0)
    add(computeStream, "fill " + std::to_string(bytes), [=] { std::memset(dst, byte, bytes); });
}

void RecordingGpu::record(size_t event, uint32_t stream) {
  ASSERT_LT(event, events);
  Operation operation{stream, {}, nullptr, static_cast<int64_t>(event), false, ++serials};
  recorded[event] = serials;
  add(std::move(operation));
}

void RecordingGpu::wait(size_t event, uint32_t stream) {
  ASSERT_LT(event, events);
  auto found = recorded.find(event);
  add(Operation{stream, {}, nullptr, static_cast<int64_t>(event), true, found == recorded.end() ? 0 : found->second});
}

void RecordingGpu::stamp(size_t stamp, uint32_t stream) {
  ASSERT_LT(stamp, stamps.size());
  Operation operation{stream, [this, stamp] { stamps[stamp] = now; }};
  add(std::move(operation));
}

void RecordingGpu::mark(uint32_t number) {
  Operation operation{runtime::communicationStream, [this, number] { lastMark = number; }, &GraphCensus::kernels};
  add(std::move(operation));
}

void RecordingGpu::beginGraph() {
  log.push_back("begin graph");
  EXPECT_FALSE(capturing);
  capturing = true;
  captured.clear();
  recordedBefore = std::exchange(recorded, {});
}

// The stream of collectives must have joined the capture before it gets work, and the stream that computes must have
// waited for all of it at the end.
void RecordingGpu::checkCapture() const {
  bool joined = false, open = false;
  std::map<uint64_t, size_t> lastBefore; // of a record on the stream of collectives: how much work it had
  size_t work = 0, waited = 0;
  for (const Operation &operation : captured) {
    bool communicates = operation.stream == runtime::communicationStream;
    if (operation.waits)
      EXPECT_NE(operation.serial, 0u) << "a graph waits for an event that it does not record";
    if (communicates && operation.waits)
      joined = true;
    EXPECT_TRUE(!communicates || joined) << "the stream of collectives is no part of the graph yet";
    if (communicates && operation.event < 0)
      ++work;
    if (communicates && operation.event >= 0 && !operation.waits)
      lastBefore[operation.serial] = work;
    if (!communicates && operation.waits && lastBefore.count(operation.serial))
      waited = std::max(waited, lastBefore[operation.serial]);
    open = waited != work;
  }
  EXPECT_FALSE(open) << "nobody waits for the last of the stream of collectives";
}

// A node depends on the one before it on its stream and on those before the records that the stream waits for.
GraphCensus RecordingGpu::countNodes() const {
  GraphCensus census;
  std::map<uint32_t, std::set<size_t>> next; // what the next node of a stream depends on
  std::map<uint64_t, std::set<size_t>> records;
  std::map<size_t, size_t> dependents;
  for (size_t i = 0; i < captured.size(); ++i) {
    const Operation &operation = captured[i];
    std::set<size_t> &dependencies = next[operation.stream];
    if (operation.event >= 0 && operation.waits)
      dependencies.insert(records[operation.serial].begin(), records[operation.serial].end());
    else if (operation.event >= 0)
      records[operation.serial] = dependencies;
    if (!operation.node)
      continue;
    ++(census.*operation.node);
    census.edges += dependencies.size();
    census.joins += dependencies.size() > 1;
    for (size_t dependency : dependencies)
      census.forks += ++dependents[dependency] == 2;
    dependencies = {i};
  }
  return census;
}

size_t RecordingGpu::endGraph() {
  log.push_back("end graph");
  capturing = false;
  checkCapture();
  censuses.push_back(countNodes());
  graphs.push_back(captured);
  recorded = std::move(recordedBefore);
  return graphs.size() - 1;
}

void RecordingGpu::launchGraph(size_t graph) {
  log.push_back("launch graph " + std::to_string(graph));
  // Its events are its own: each launch records them anew.
  uint64_t base = serials, most = 0;
  for (Operation operation : graphs[graph]) {
    most = std::max(most, operation.serial);
    operation.serial += base;
    pending.push_back(std::move(operation));
  }
  serials += most;
}

// Does what a stream can do now; whether that was anything.
bool RecordingGpu::advance(uint32_t stream) {
  bool moved = false;
  for (size_t i = 0; i < pending.size();) {
    if (pending[i].stream != stream) {
      ++i;
      continue;
    }
    const Operation &next = pending[i];
    if (next.waits && next.serial != 0 && done[static_cast<size_t>(next.event)] < next.serial)
      break;
    if (hangs && stream == runtime::communicationStream && next.event < 0)
      break;
    Operation operation = std::move(pending[i]);
    pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
    if (operation.work)
      operation.work();
    else if (!operation.waits)
      done[static_cast<size_t>(operation.event)] = operation.serial;
    moved = true;
  }
  return moved;
}

// Whether all is done. Nothing is before it is waited for: what reads results too early reads the old ones.
bool RecordingGpu::runStreams() {
  uint32_t second = numStreams - 1 - firstStream;
  while (advance(firstStream) || advance(second))
    ;
  EXPECT_TRUE(pending.empty() || hangs) << "streams wait for each other";
  return pending.empty();
}

bool RecordingGpu::finished() {
  log.push_back("wait for all");
  return runStreams();
}

bool RecordingGpu::reached(size_t event) {
  log.push_back("wait");
  runStreams();
  return done[event] == recorded[event];
}

void RecordingGpu::await(size_t event) { EXPECT_TRUE(reached(event)); }

void RecordingGpu::synchronize() {
  if (!finished())
    throw Error("the streams never end");
}

// A GPU that records what it is asked, and does it on the host when it is waited for.
#pragma once

#include "cuda/Gpu.h"
#include "exec/Program.h"

#include "raddle/runtime/AlignedBuffer.h"
#include "raddle/runtime/ThreadPool.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

/// Its streams run one after the other, each as far as it gets: what an event does not order is done in the wrong
/// order, whichever stream is first. A graph must be what CUDA captures.
class RecordingGpu : public raddle::runtime::Gpu {
public:
  using Strings = std::vector<std::string>;
  using Kernels = std::vector<std::function<void(void *const *)>>;

  explicit RecordingGpu(Strings &log, Kernels kernels = {}, uint32_t firstStream = raddle::runtime::computeStream)
      : log(log), kernels(std::move(kernels)), firstStream(firstStream) {}

  std::string name() const override { return "recorder"; }
  void enter() override {}
  uint8_t *allocate(uint64_t bytes) override;
  uint8_t *allocateHost(uint64_t bytes) override { return allocate(bytes); }
  uint64_t allocations() const override { return memory.size(); }
  void load(const raddle::bundle::Bundle &bundle) override;
  void launch(uint32_t kernel, void *const *operands) override;
  void rememberGemms(const std::string &file) override { remembered = file; }
  size_t prepareGemm(const raddle::runtime::GemmProblem &problem,
                     const raddle::runtime::GemmOperands &operands) override;
  void gemm(size_t prepared, const raddle::runtime::GemmOperands &operands) override;
  size_t unmeasuredGemms() override { return remembered.empty() ? 0 : problems.size(); }
  void measureGemms(const std::function<void(size_t, size_t)> &progress) override;
  size_t prepareAttention(const raddle::runtime::AttentionProblem &problem) override;
  void attention(size_t prepared, void *const *operands) override;
  /// Of no bytes nothing is asked of a device.
  void copy(void *dst, const void *src, uint64_t bytes) override;
  void fill(void *dst, uint8_t byte, uint64_t bytes) override;
  raddle::runtime::StreamHandle communicationStream() override { return this; }
  void makeEvents(size_t count) override { events = std::max(events, count); }
  void record(size_t event, uint32_t stream) override;
  void wait(size_t event, uint32_t stream) override;
  bool reached(size_t event) override;
  void await(size_t event) override;
  /// Each operation takes a second, and all others wait meanwhile.
  void makeStamps(size_t count) override { stamps.resize(std::max(stamps.size(), count)); }
  void stamp(size_t stamp, uint32_t stream) override;
  double secondsBetween(size_t first, size_t second) override { return stamps.at(second) - stamps.at(first); }
  void mark(uint32_t number) override;
  uint32_t marked() override { return lastMark; }
  void beginGraph() override;
  size_t endGraph() override;
  void launchGraph(size_t graph) override;
  const raddle::runtime::GraphCensus &census(size_t graph) const override { return censuses.at(graph); }
  void drawGraphs(const std::string &path) override {}
  void dropGraphs() override { graphs.clear(); }
  uint64_t workspaceBytes() const override { return 0; }
  bool finished() override;
  void synchronize() override;

  /// What a communicator was asked on the stream of collectives.
  void collective(const std::string &what, std::function<void()> work) {
    add(raddle::runtime::communicationStream, what, std::move(work));
  }

  /// Operations of the stream of collectives that never end, from the next one on.
  bool hangs = false;

private:
  /// Work, or where `event` is set a record or a wait for that record (`serial`; 0: there was none).
  struct Operation {
    uint32_t stream;
    std::function<void()> work;
    uint64_t raddle::runtime::GraphCensus::*node = nullptr; // what it is in a graph
    int64_t event = -1;
    bool waits = false;
    uint64_t serial = 0;
  };
  using Operations = std::vector<Operation>;

  Strings &log;
  Kernels kernels;
  const uint32_t firstStream;
  std::vector<uint32_t> arguments;
  std::vector<raddle::runtime::AlignedBuffer> memory;
  std::string remembered;
  std::vector<raddle::runtime::GemmProblem> problems;
  std::vector<raddle::runtime::GemmOperands> prepared;
  std::vector<raddle::runtime::AttentionProblem> attentions;
  std::vector<Operations> graphs;
  std::vector<raddle::runtime::GraphCensus> censuses;
  Operations pending, captured;
  std::map<size_t, uint64_t> recorded;       // the last record of each event that was asked for
  std::map<size_t, uint64_t> recordedBefore; // a graph
  std::map<size_t, uint64_t> done;           // and that was done
  uint64_t serials = 0;
  size_t events = 0;
  uint32_t lastMark = 0;
  double now = 0;
  std::vector<double> stamps;
  raddle::runtime::ThreadPool pool{1};
  bool capturing = false;

  void add(uint32_t stream, const std::string &what, std::function<void()> work,
           uint64_t raddle::runtime::GraphCensus::*node = &raddle::runtime::GraphCensus::kernels);
  void add(Operation operation) { (capturing ? captured : pending).push_back(std::move(operation)); }
  void checkCapture() const;
  raddle::runtime::GraphCensus countNodes() const;
  bool advance(uint32_t stream);
  bool runStreams();
};

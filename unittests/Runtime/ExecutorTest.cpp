// One rank on the CPU: what its two streams do at the same time.
#include "TestBundle.h"
#include "TestKernels.h"

#include "exec/Executor.h"

#include "raddle/runtime/CodeLoader.h"
#include "raddle/runtime/Error.h"

#include <gtest/gtest.h>

#include <thread>

using namespace raddle::runtime;

namespace {

/// A group of one whose all-gather ends only after a kernel has said that it runs, which waits for the all-gather.
class Meeting : public Communicator {
public:
  explicit Meeting(int32_t *flags) : flags(flags) {}

  int rank() const override { return 0; }
  int size() const override { return 1; }
  void allGather(const void *, void *, size_t, StreamHandle) override {
    __atomic_store_n(&flags[1], 1, __ATOMIC_SEQ_CST);
    auto begin = Trace::Clock::now();
    while (!__atomic_load_n(&flags[0], __ATOMIC_SEQ_CST)) {
      if (Trace::Clock::now() - begin > std::chrono::minutes(2))
        throw Error("no kernel ran during the collective");
      std::this_thread::yield();
    }
  }
  void reduceScatter(const void *, void *, size_t, DType, raddle::bundle::Reduction, StreamHandle) override {}
  void allReduce(const void *, void *, size_t, DType, raddle::bundle::Reduction, StreamHandle) override {}
  void broadcast(void *, size_t, int, StreamHandle) override {}
  void transfer(const void *, void *, const std::vector<Transfer> &, StreamHandle) override {}
  void barrier() override {}
  std::shared_ptr<Communicator> split(int) override { return nullptr; }
  void abort() override {}

private:
  int32_t *flags;
};

} // namespace

TEST(Executor, ComputesDuringACollective) {
  TestBundle b;
  b.arenaBytes = 128;
  b.code(testKernels());
  b.kernel("meet", 1, 1, 0);
  b.output("flags", {2}, false, fb::DType::I32);
  constexpr uint32_t communication = 1;
  auto collective = fb::CreateCollective(b.builder, fb::CollectiveKind::AllGather, fb::Reduction::Sum,
                                         b.arena(0, {1}), b.arena(64, {1}));
  b.instruction(fb::Action::Collective, collective, "gather", communication);
  b.dispatch(0, {}, {b.operand(fb::Space::Output, 0, 0, {2}, fb::DType::I32)}, "meet");
  std::vector<uint8_t> bytes = b.finish();
  const fb::Bundle &bundle = *fb::GetBundle(bytes.data());

  int32_t flags[2] = {};
  Meeting group(flags);
  LoadedCode code(bundle);
  Executor executor(bundle, code, Groups{group, group, group}, /*threads=*/1, /*trace=*/true);
  void *outputs[] = {flags};
  executor.start(0, nullptr, outputs);

  const std::vector<Trace> &traces = executor.recorded();
  ASSERT_EQ(traces.size(), 2u);
  ASSERT_EQ(traces[0].recorded().size(), 1u);
  ASSERT_EQ(traces[1].recorded().size(), 1u);
  const Trace::Event &kernel = traces[0].recorded()[0], &gather = traces[1].recorded()[0];
  EXPECT_STREQ(kernel.name, "meet");
  EXPECT_STREQ(gather.name, "gather");
  EXPECT_LE(kernel.begin, gather.end);
  EXPECT_LE(gather.begin, kernel.end);
}

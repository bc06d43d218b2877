#include "Verifier.h"

#include "raddle/Bundle/Mesh.h"
#include "raddle/runtime/AlignedBuffer.h"

#include <limits>

namespace raddle::runtime::verify {

static constexpr uint32_t knownVersion = 1;

static void verifyHeader(const bundle::Bundle &bundle, Report &report) {
  if (bundle.version() != knownVersion)
    report.add("version: expected " + std::to_string(knownVersion) + ", found " + std::to_string(bundle.version()));
  if (bundle.ranks() < 1)
    report.add("ranks: expected at least 1, found 0");
  else if (bundle.ranks() % bundle::shardRanks(bundle) != 0)
    report.add("shard_ranks: " + std::to_string(bundle.shard_ranks()) + " does not divide the " +
               std::to_string(bundle.ranks()) + " ranks");
  std::string target = bundle.target()->str();
  if (target.rfind("cpu", 0) != 0 && target.rfind("cuda", 0) != 0)
    report.add("target: expected 'cpu...' or 'cuda...', found '" + target + "'");
  if (sizeOf(bundle.entries()) == 0)
    report.add("entries: expected at least one entry point, found none");
}

static void verifyStates(const bundle::Bundle &bundle, Report &report) {
  for (size_t i = 0; i < sizeOf(bundle.states()); ++i) {
    const bundle::State &state = *bundle.states()->Get(i);
    std::string where = "state " + std::to_string(i) + " '" + state.name()->str() + "': ";
    if (state.name()->size() == 0)
      report.add(where + "the name is empty");
    if (state.kind() > bundle::StateKind::MAX)
      report.add(where + "unknown kind " + std::to_string(static_cast<int>(state.kind())));
    uint64_t bytes;
    if (!isKnown(state.dtype()))
      report.add(where + "unknown element type " + std::to_string(static_cast<int>(state.dtype())));
    else if (__builtin_mul_overflow(state.elements(), byteSize(state.dtype()), &bytes) ||
             bytes > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      report.add(where + "the size of " + std::to_string(state.elements()) + " elements overflows");
  }
}

// A bucket's state must be there and have the layout of the bucket.
static void verifyBucketState(const bundle::Bundle &bundle, const bundle::Bucket &bucket, uint32_t index,
                              const std::string &where, Report &report) {
  if (index >= sizeOf(bundle.states())) {
    report.add(where + "state " + std::to_string(index) + " does not exist, there are " +
               std::to_string(sizeOf(bundle.states())));
    return;
  }
  const bundle::State &state = *bundle.states()->Get(index);
  if (state.elements() != bucket.shard_elements())
    report.add(where + "state '" + state.name()->str() + "' has " + std::to_string(state.elements()) +
               " elements, a slice has " + std::to_string(bucket.shard_elements()));
}

static void verifyBuckets(const bundle::Bundle &bundle, Report &report) {
  for (size_t i = 0; i < sizeOf(bundle.buckets()); ++i) {
    const bundle::Bucket &bucket = *bundle.buckets()->Get(i);
    std::string where = "bucket " + std::to_string(i) + " '" + bucket.name()->str() + "': ";
    if (!isKnown(bucket.dtype())) {
      report.add(where + "unknown element type " + std::to_string(static_cast<int>(bucket.dtype())));
      continue;
    }
    uint64_t bytes;
    if (__builtin_mul_overflow(bucket.shard_elements(), static_cast<uint64_t>(bundle::shardRanks(bundle)), &bytes) ||
        __builtin_mul_overflow(bytes, byteSize(bucket.dtype()), &bytes))
      report.add(where + "the size of " + std::to_string(bucket.shard_elements()) + " elements a rank overflows");
    verifyBucketState(bundle, bucket, bucket.param_state(), where, report);
    if (bucket.param_state() < sizeOf(bundle.states()) &&
        bundle.states()->Get(bucket.param_state())->dtype() != bucket.dtype())
      report.add(where + "its elements are " + nameOf(bucket.dtype()) + ", those of its state " +
                 nameOf(bundle.states()->Get(bucket.param_state())->dtype()));
    for (size_t j = 0; j < sizeOf(bucket.optimizer_states()); ++j)
      verifyBucketState(bundle, bucket, bucket.optimizer_states()->Get(j), where, report);
  }
}

static void verifyConstants(const bundle::Bundle &bundle, const uint8_t *start, Report &report) {
  // The schema aligns them to this; the reader's memory is aligned to more.
  constexpr size_t alignment = 64;
  static_assert(bufferAlignment % alignment == 0);
  for (size_t i = 0; i < sizeOf(bundle.constants()); ++i) {
    const bundle::Constant &constant = *bundle.constants()->Get(i);
    std::string where = "constant " + std::to_string(i) + " '" + textOf(constant.name()) + "': ";
    if (!constant.data())
      report.add(where + "it has no data");
    else if (static_cast<size_t>(constant.data()->data() - start) % alignment != 0)
      report.add(where + "its data is not aligned to " + std::to_string(alignment) + " bytes");
  }
}

// What a GPU of compute capability 9.0 can launch.
static constexpr uint32_t maxWarps = 32, maxTrailing = 2, maxGrid = std::numeric_limits<int32_t>::max(),
                          maxOuterGrid = (1u << 16) - 1, maxShared = 227u << 10;

static void verifyLaunch(const bundle::Kernel &kernel, const std::string &where, Report &report) {
  auto inRange = [&](const char *what, uint64_t value, uint64_t least, uint64_t most) {
    if (value < least || value > most)
      report.add(where + what + ": expected " + std::to_string(least) + " up to " + std::to_string(most) + ", found " +
                 std::to_string(value));
  };
  inRange("num_warps", kernel.num_warps(), 1, maxWarps);
  inRange("num_ctas", kernel.num_ctas(), 1, 1);
  inRange("shared_bytes", kernel.shared_bytes(), 0, maxShared);
  inRange("trailing_pointers", kernel.trailing_pointers(), 0, maxTrailing);
  inRange("dimensions of grid", sizeOf(kernel.grid()), 1, 3);
  uint64_t scratch = kernel.global_scratch_bytes();
  bool overflow = false;
  for (size_t i = 0; i < sizeOf(kernel.grid()); ++i) {
    inRange("grid", kernel.grid()->Get(i), 1, i == 0 ? maxGrid : maxOuterGrid);
    overflow = overflow || __builtin_mul_overflow(scratch, static_cast<uint64_t>(kernel.grid()->Get(i)), &scratch);
  }
  if (overflow || scratch > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    report.add(where + "global_scratch_bytes: " + std::to_string(kernel.global_scratch_bytes()) +
               " bytes for each block overflow");
}

static void verifyCode(const bundle::Bundle &bundle, Report &report) {
  bool cpu = bundle.target()->str().rfind("cpu", 0) == 0;
  for (size_t i = 0; i < sizeOf(bundle.code()); ++i) {
    const bundle::CodeObject &code = *bundle.code()->Get(i);
    std::string where = "code object " + std::to_string(i) + ": ";
    if (code.format() > bundle::CodeFormat::MAX)
      report.add(where + "unknown format " + std::to_string(static_cast<int>(code.format())));
    else if (cpu != (code.format() == bundle::CodeFormat::ElfShared))
      report.add(where + "format " + bundle::EnumNameCodeFormat(code.format()) + " does not run on target '" +
                 bundle.target()->str() + "'");
    if (sizeOf(code.data()) == 0)
      report.add(where + "it has no data");
    else if (code.format() == bundle::CodeFormat::Ptx && code.data()->Get(code.data()->size() - 1) != 0)
      report.add(where + "PTX does not end in a zero");
  }
  for (size_t i = 0; i < sizeOf(bundle.kernels()); ++i) {
    const bundle::Kernel &kernel = *bundle.kernels()->Get(i);
    std::string where = "kernel " + std::to_string(i) + " '" + kernel.name()->str() + "': ";
    if (kernel.code() >= sizeOf(bundle.code()))
      report.add(where + "code object " + std::to_string(kernel.code()) + " does not exist, there are " +
                 std::to_string(sizeOf(bundle.code())));
    if (kernel.symbol()->size() == 0)
      report.add(where + "its symbol is empty");
    if (!cpu)
      verifyLaunch(kernel, where, report);
    if (kernel.range() == 0 || kernel.range() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      report.add(where + "range: expected 1 up to 2^63 - 1, found " + std::to_string(kernel.range()));
  }
}

void verifyTables(const bundle::Bundle &bundle, const uint8_t *start, Report &report) {
  verifyHeader(bundle, report);
  verifyStates(bundle, report);
  verifyBuckets(bundle, report);
  verifyConstants(bundle, start, report);
  verifyCode(bundle, report);
  verifyParameters(bundle, report);
}

} // namespace raddle::runtime::verify

#include "Verifier.h"

#include <algorithm>
#include <limits>
#include <set>

namespace raddle::runtime::verify {

namespace {

// One variant of an entry point.
class ProgramVerifier {
public:
  ProgramVerifier(const bundle::Bundle &bundle, const bundle::Variant &variant, std::string where, Report &report)
      : bundle(bundle), variant(variant), where(std::move(where)), report(report), operands(bundle, variant, report),
        recorded(std::min<uint64_t>(variant.num_events(), maxEvents)),
        isCpu(bundle.target()->str().rfind("cpu", 0) == 0) {}

  void run() {
    verifyLimits();
    bool interface = verifyInputs();
    interface = verifyOutputs() && interface;
    // Operands refer to inputs and outputs by their sizes.
    if (!interface)
      return;
    for (size_t i = 0; i < sizeOf(variant.instructions()) && !report.full(); ++i)
      verifyInstruction(*variant.instructions()->Get(i), i);
    // Ranks would start them in different orders otherwise, and wait for each other for ever.
    if (collectiveStreams.size() > 1)
      report.add(where + ": its collectives are on several streams");
  }

private:
  // A bound on a table that the reader allocates from a number in the file.
  static constexpr uint32_t maxEvents = 1u << 24;
  // Compute and communication.
  static constexpr uint32_t maxStreams = 2;

  const bundle::Bundle &bundle;
  const bundle::Variant &variant;
  std::string where;
  Report &report;
  OperandChecker operands;
  std::vector<bool> recorded;
  bool isCpu;
  std::set<uint32_t> collectiveStreams;

  void verifyLimits() {
    if (variant.num_streams() > maxStreams)
      report.add(where + ": expected at most " + std::to_string(maxStreams) + " streams, found " +
                 std::to_string(variant.num_streams()));
    if (variant.arena_bytes() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      report.add(where + ": arena of " + std::to_string(variant.arena_bytes()) + " bytes is too large");
    if (variant.num_events() > maxEvents)
      report.add(where + ": expected at most " + std::to_string(maxEvents) + " events, found " +
                 std::to_string(variant.num_events()));
    if (variant.min_batch() > variant.max_batch())
      report.add(where + ": its smallest batch " + std::to_string(variant.min_batch()) + " exceeds its largest " +
                 std::to_string(variant.max_batch()));
  }

  // What inputs and outputs share; the whole array over all ranks must have a size as well.
  template <typename Array> bool verifyArray(const Array &array, const std::string &prefix) {
    if (array.name()->size() == 0) {
      report.add(prefix + "the name is empty");
      return false;
    }
    if (!isKnown(array.dtype())) {
      report.add(prefix + "unknown element type " + std::to_string(static_cast<int>(array.dtype())));
      return false;
    }
    std::optional<uint64_t> elements = countElements(array.shape(), array.dtype());
    uint64_t whole;
    if (!elements ||
        __builtin_mul_overflow(*elements * byteSize(array.dtype()), static_cast<uint64_t>(bundle.ranks()), &whole) ||
        whole > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      report.add(prefix + "the size of its shape overflows");
      return false;
    }
    if (array.batched() && sizeOf(array.shape()) == 0) {
      report.add(prefix + "it is cut over the ranks, but has no dimension");
      return false;
    }
    return true;
  }

  bool verifyInputs() {
    bool good = true;
    std::set<std::string> names;
    for (size_t i = 0; i < sizeOf(variant.inputs()); ++i) {
      const bundle::Input &input = *variant.inputs()->Get(i);
      std::string prefix = where + ": input " + std::to_string(i) + " '" + input.name()->str() + "': ";
      auto complain = [&](const std::string &text) {
        report.add(prefix + text);
        good = false;
      };
      if (!verifyArray(input, prefix)) {
        good = false;
        continue;
      }
      if (!names.insert(input.name()->str()).second)
        complain("the name occurs twice");
      if (input.role() > bundle::InputRole::MAX) {
        complain("unknown role " + std::to_string(static_cast<int>(input.role())));
      } else if (input.role() != bundle::InputRole::Batch) {
        DType expected = input.role() == bundle::InputRole::LearningRate ? DType::F32 : DType::I64;
        if (input.dtype() != expected || sizeOf(input.shape()) != 0)
          complain(std::string("role ") + bundle::EnumNameInputRole(input.role()) + " needs a scalar of " +
                   nameOf(expected) + ", found " + nameOf(input.dtype()) + " with " +
                   std::to_string(sizeOf(input.shape())) + " dimensions");
      }
    }
    return good;
  }

  bool verifyOutputs() {
    bool good = true;
    std::set<std::string> names;
    for (size_t i = 0; i < sizeOf(variant.outputs()); ++i) {
      const bundle::Output &output = *variant.outputs()->Get(i);
      std::string prefix = where + ": output " + std::to_string(i) + " '" + output.name()->str() + "': ";
      good = verifyArray(output, prefix) && good;
      if (!names.insert(output.name()->str()).second) {
        report.add(prefix + "the name occurs twice");
        good = false;
      }
    }
    return good;
  }

  void verifyInstruction(const bundle::Instruction &instruction, size_t index) {
    std::string at = where + ", instruction " + std::to_string(index);
    if (sizeOf(instruction.name()) != 0)
      at += " '" + instruction.name()->str() + "'";
    if (instruction.stream() >= variant.num_streams())
      report.add(at + ": stream " + std::to_string(instruction.stream()) + " does not exist, there are " +
                 std::to_string(variant.num_streams()));
    switch (instruction.action_type()) {
    case bundle::Action::Dispatch:
      return verifyDispatch(*instruction.action_as_Dispatch(), at);
    case bundle::Action::Gemm:
      return verifyGemm(*instruction.action_as_Gemm(), operands, at, report);
    case bundle::Action::Attention:
      return verifyAttention(*instruction.action_as_Attention(), operands, at, report);
    case bundle::Action::Collective:
      collectiveStreams.insert(instruction.stream());
      return verifyCollective(*instruction.action_as_Collective(), bundle, operands, at, report);
    case bundle::Action::Copy:
      return verifyCopy(*instruction.action_as_Copy(), at);
    case bundle::Action::Zero:
      operands.check(instruction.action_as_Zero()->dst(), at, "destination", true);
      return;
    case bundle::Action::CheckIndex:
      return verifyCheckIndex(*instruction.action_as_CheckIndex(), at);
    case bundle::Action::Record:
      return verifyEvent(instruction.action_as_Record()->event(), true, at);
    case bundle::Action::Wait:
      return verifyEvent(instruction.action_as_Wait()->event(), false, at);
    case bundle::Action::NONE:
      break;
    }
    report.add(at + ": unknown action " + std::to_string(static_cast<int>(instruction.action_type())));
  }

  void verifyDispatch(const bundle::Dispatch &dispatch, const std::string &at) {
    if (dispatch.kernel() >= sizeOf(bundle.kernels())) {
      report.add(at + ": kernel " + std::to_string(dispatch.kernel()) + " does not exist, there are " +
                 std::to_string(sizeOf(bundle.kernels())));
      return;
    }
    const bundle::Kernel &kernel = *bundle.kernels()->Get(dispatch.kernel());
    size_t found = sizeOf(dispatch.inputs()) + sizeOf(dispatch.outputs());
    if (found != kernel.num_args())
      report.add(at + ": kernel '" + kernel.name()->str() + "' takes " + std::to_string(kernel.num_args()) +
                 " arguments, found " + std::to_string(found));
    for (size_t i = 0; i < sizeOf(dispatch.inputs()); ++i)
      operands.check(dispatch.inputs()->Get(i), at, "input " + std::to_string(i), false);
    for (size_t i = 0; i < sizeOf(dispatch.outputs()); ++i)
      operands.check(dispatch.outputs()->Get(i), at, "output " + std::to_string(i), true);
  }

  void verifyCopy(const bundle::Copy &copy, const std::string &at) {
    std::optional<Place> src = operands.check(copy.src(), at, "source", false);
    std::optional<Place> dst = operands.check(copy.dst(), at, "destination", true);
    if (src && dst && (src->dtype != dst->dtype || src->elements != dst->elements))
      report.add(at + ": the source has " + std::to_string(src->elements) + " elements of " + nameOf(src->dtype) +
                 ", the destination " + std::to_string(dst->elements) + " of " + nameOf(dst->dtype));
  }

  void verifyCheckIndex(const bundle::CheckIndex &check, const std::string &at) {
    std::optional<Place> src = operands.check(check.src(), at, "source", false);
    if (src && !isInteger(src->dtype))
      report.add(at + ": indices are integers, found " + nameOf(src->dtype));
    if (check.size() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      report.add(at + ": size " + std::to_string(check.size()) + " is too large");
    if (!isCpu && src && (src->space != bundle::Space::Input || src->begin != 0 || check.kernel() != -1))
      verifyCheckKernel(check, src->elements, at);
    if (check.lowest() > 0)
      report.add(at + ": the lowest index must not be positive, is " + std::to_string(check.lowest()));
  }

  // A GPU looks at what a program computes by a kernel, whose report has 32 bits for the position.
  void verifyCheckKernel(const bundle::CheckIndex &check, uint64_t elements, const std::string &at) {
    if (check.kernel() < 0 || static_cast<size_t>(check.kernel()) >= sizeOf(bundle.kernels())) {
      report.add(at + ": kernel " + std::to_string(check.kernel()) + " does not exist, there are " +
                 std::to_string(sizeOf(bundle.kernels())));
      return;
    }
    const bundle::Kernel &kernel = *bundle.kernels()->Get(static_cast<uint32_t>(check.kernel()));
    if (kernel.num_args() != 2)
      report.add(at + ": kernel '" + kernel.name()->str() + "' of a check takes 2 arguments, found " +
                 std::to_string(kernel.num_args()));
    if (elements > std::numeric_limits<uint32_t>::max())
      report.add(at + ": expected fewer than 2^32 indices, found " + std::to_string(elements));
  }

  void verifyEvent(uint32_t event, bool record, const std::string &at) {
    if (event >= recorded.size())
      report.add(at + ": event " + std::to_string(event) + " does not exist, there are " +
                 std::to_string(recorded.size()));
    else if (record)
      recorded[event] = true;
    else if (!recorded[event])
      report.add(at + ": it waits for event " + std::to_string(event) + ", which nothing before it records");
  }
};

} // namespace

void verifyPrograms(const bundle::Bundle &bundle, Report &report) {
  std::set<std::string> names;
  for (size_t i = 0; i < sizeOf(bundle.entries()) && !report.full(); ++i) {
    const bundle::EntryPoint &entry = *bundle.entries()->Get(i);
    std::string where = "entry '" + entry.name()->str() + "'";
    if (entry.name()->size() == 0)
      report.add("entry " + std::to_string(i) + ": the name is empty");
    if (!names.insert(entry.name()->str()).second)
      report.add(where + ": the name occurs twice");
    if (sizeOf(entry.variants()) == 0)
      report.add(where + ": expected at least one variant, found none");
    for (size_t j = 0; j < sizeOf(entry.variants()); ++j) {
      std::string variant = where + (sizeOf(entry.variants()) > 1 ? ", variant " + std::to_string(j) : "");
      ProgramVerifier(bundle, *entry.variants()->Get(j), variant, report).run();
    }
  }
}

} // namespace raddle::runtime::verify

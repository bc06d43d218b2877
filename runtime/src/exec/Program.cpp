#include "Program.h"

#include "raddle/runtime/Parameters.h"

#include <algorithm>

namespace raddle::runtime {

const char *kindOf(const Step &step) {
  if (const auto *collective = std::get_if<CollectiveCall>(&step.call))
    return bundle::EnumNameCollectiveKind(collective->kind);
  // In the order of the variant's alternatives.
  static constexpr const char *names[] = {"kernel", "gemm",  "attention", "collective", "copy",
                                          "zero",   "check", "record",    "wait"};
  static_assert(std::size(names) == std::variant_size_v<decltype(Step::call)>);
  return names[step.call.index()];
}

std::string describeBadIndex(const CheckCall &call, const BadIndex &bad) {
  std::string allowed = std::to_string(call.range.lowest) + " to " + std::to_string(call.range.size - 1);
  if (call.range.ignored)
    allowed += " or " + std::to_string(*call.range.ignored);
  return std::string(call.what) + ": expected " + allowed + ", found " + std::to_string(bad.value) + " at position " +
         std::to_string(bad.position) + " of this rank's indices";
}

Program::Program(const bundle::Bundle &bundle, const bundle::Variant &variant, const LoadedCode *code,
                 const Buffers &buffers)
    : eventCount(variant.num_events()) {
  for (size_t i = 0; variant.instructions() && i < variant.instructions()->size(); ++i)
    addInstruction(bundle, *variant.instructions()->Get(i), code, buffers);
}

void Program::bind(void *const *inputs, void *const *outputs) {
  for (const Fixup &fixup : fixups)
    addresses[fixup.slot] =
        static_cast<uint8_t *>(fixup.isOutput ? outputs[fixup.index] : inputs[fixup.index]) + fixup.offset;
}

void Program::addOperand(const bundle::Operand &operand, const Buffers &buffers) {
  uint32_t slot = static_cast<uint32_t>(addresses.size());
  uint8_t *base = nullptr;
  switch (operand.space()) {
  case bundle::Space::Arena:
    base = buffers.arena;
    break;
  case bundle::Space::State:
    base = buffers.states[operand.index()];
    break;
  case bundle::Space::Constant:
    base = buffers.constants[operand.index()];
    break;
  case bundle::Space::Input:
  case bundle::Space::Output:
    fixups.push_back({slot, operand.space() == bundle::Space::Output, operand.index(), operand.offset()});
    addresses.push_back(nullptr);
    return;
  }
  addresses.push_back(base + operand.offset());
}

static CollectiveCall makeCollective(const bundle::Collective &collective) {
  bool gather = collective.kind() == bundle::CollectiveKind::AllGather;
  uint64_t count = elementsOf((gather ? collective.src() : collective.dst())->shape());
  CollectiveCall call{
      collective.kind(), collective.reduction(), collective.group(), collective.src()->dtype(), count, {}};
  size_t width = byteSize(call.dtype);
  for (size_t i = 0; collective.pieces() && i < collective.pieces()->size(); ++i) {
    const bundle::Piece &piece = *collective.pieces()->Get(i);
    call.pieces.push_back({static_cast<int>(piece.from()), static_cast<int>(piece.to()), piece.source() * width,
                           piece.target() * width, piece.count() * width});
  }
  return call;
}

// Parts of a kernel's range below which waking a thread takes longer than the work itself, by the kernel's estimates.
static int64_t grainOf(const bundle::Kernel &kernel) {
  constexpr double smallestWork = 1 << 16; // bytes, or a quarter as many operations
  double work = static_cast<double>(kernel.bytes()) + 4.0 * static_cast<double>(kernel.flops());
  if (work == 0)
    return 1;
  int64_t range = static_cast<int64_t>(kernel.range());
  double parts = work / smallestWork;
  return parts > 1 ? std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(range) / parts)) : range;
}

void Program::addInstruction(const bundle::Bundle &bundle, const bundle::Instruction &instruction,
                             const LoadedCode *code, const Buffers &buffers) {
  Step step{{},
            static_cast<uint32_t>(addresses.size()),
            instruction.stream(),
            instruction.name() ? instruction.name()->c_str() : "",
            &instruction};
  auto add = [&](const bundle::Operand *operand) { addOperand(*operand, buffers); };
  switch (instruction.action_type()) {
  case bundle::Action::Dispatch: {
    const bundle::Dispatch &dispatch = *instruction.action_as_Dispatch();
    for (const auto *list : {dispatch.inputs(), dispatch.outputs()})
      for (size_t i = 0; list && i < list->size(); ++i)
        add(list->Get(i));
    const bundle::Kernel &kernel = *bundle.kernels()->Get(dispatch.kernel());
    step.call = KernelCall{code ? code->function(dispatch.kernel()) : nullptr, static_cast<int64_t>(kernel.range()),
                           grainOf(kernel), dispatch.kernel()};
    if (!*step.name)
      step.name = kernel.name()->c_str();
    break;
  }
  case bundle::Action::Gemm: {
    const bundle::Gemm &gemm = *instruction.action_as_Gemm();
    for (const bundle::Operand *operand : {gemm.a(), gemm.b(), gemm.c(), gemm.bias(), gemm.aux(), gemm.sums()})
      if (operand)
        add(operand);
    step.call = GemmCall{GemmProblem::from(gemm)};
    break;
  }
  case bundle::Action::Attention: {
    const bundle::Attention &attention = *instruction.action_as_Attention();
    for (const auto *list : {attention.inputs(), attention.outputs()})
      for (const bundle::Operand *operand : *list)
        add(operand);
    step.call = AttentionCall{AttentionProblem::from(attention)};
    break;
  }
  case bundle::Action::Collective: {
    const bundle::Collective &collective = *instruction.action_as_Collective();
    add(collective.src());
    add(collective.dst());
    step.call = makeCollective(collective);
    break;
  }
  case bundle::Action::Copy: {
    const bundle::Copy &copy = *instruction.action_as_Copy();
    add(copy.src());
    add(copy.dst());
    step.call = CopyCall{bytesOf(*copy.src())};
    break;
  }
  case bundle::Action::Zero: {
    const bundle::Operand &dst = *instruction.action_as_Zero()->dst();
    add(&dst);
    step.call = ZeroCall{bytesOf(dst)};
    break;
  }
  case bundle::Action::CheckIndex: {
    const bundle::CheckIndex &check = *instruction.action_as_CheckIndex();
    add(check.src());
    std::optional<int64_t> ignored;
    if (check.has_ignore())
      ignored = check.ignore();
    step.call = CheckCall{check.src()->dtype(), elementsOf(check.src()->shape()),
                          IndexRange{check.lowest(), static_cast<int64_t>(check.size()), ignored},
                          check.what() ? check.what()->c_str() : "index", check.kernel()};
    break;
  }
  case bundle::Action::Record:
    step.call = RecordCall{instruction.action_as_Record()->event()};
    break;
  case bundle::Action::Wait:
    step.call = WaitCall{instruction.action_as_Wait()->event()};
    break;
  case bundle::Action::NONE:
    return;
  }
  order.push_back(step.stream);
  streams[step.stream].push_back(std::move(step));
}

} // namespace raddle::runtime

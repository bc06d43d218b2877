#include "Instructions.h"

#include "Html.h"
#include "raddle/Bundle/Mesh.h"

using namespace raddle::bundle;
using raddle::runtime::workOf;

namespace raddle::report {

std::string textOf(const flatbuffers::String *string) { return string ? string->str() : ""; }

std::string formatShape(const flatbuffers::Vector<uint64_t> *shape) {
  std::string result;
  for (uint64_t extent : Range(shape))
    result += (result.empty() ? "" : " × ") + std::to_string(extent);
  return result.empty() ? "scalar" : result;
}

Kind kindOf(const Instruction &instruction) {
  switch (instruction.action_type()) {
  case Action::Dispatch:
    return Kind::Kernel;
  case Action::Gemm:
  case Action::Attention:
    return Kind::Library;
  case Action::Collective:
    return Kind::Collective;
  case Action::Copy:
  case Action::Zero:
    return Kind::Copy;
  case Action::CheckIndex:
    return Kind::Check;
  case Action::Record:
  case Action::Wait:
  case Action::NONE:
    return Kind::Event;
  }
  return Kind::Event;
}

const char *styleOf(Kind kind) {
  switch (kind) {
  case Kind::Kernel:
    return "kernel";
  case Kind::Library:
    return "library";
  case Kind::Collective:
    return "collective";
  case Kind::Copy:
    return "copy";
  case Kind::Check:
    return "check";
  case Kind::Event:
    return "event";
  }
  return "";
}

const char *legendOf(Kind kind) {
  switch (kind) {
  case Kind::Kernel:
    return "generated kernel";
  case Kind::Library:
    return "matrix product or attention of a library";
  case Kind::Collective:
    return "collective";
  case Kind::Copy:
    return "copy or zero";
  case Kind::Check:
    return "check of indices";
  case Kind::Event:
    return "event";
  }
  return "";
}

uint64_t bytesSent(const Collective &collective, const Bundle &bundle) {
  uint64_t ranks = groupSize(bundle, collective.group());
  if (ranks == 0)
    return 0;
  switch (collective.kind()) {
  case CollectiveKind::AllGather:
    return bytesOf(*collective.src()) * (ranks - 1);
  case CollectiveKind::ReduceScatter:
    return bytesOf(*collective.dst()) * (ranks - 1);
  case CollectiveKind::AllReduce:
    return 2 * bytesOf(*collective.src()) * (ranks - 1) / ranks;
  case CollectiveKind::Transfer: {
    // The mean of the ranks, which differ.
    uint64_t moved = 0;
    for (const Piece *piece : Range(collective.pieces()))
      moved += piece->from() != piece->to() ? piece->count() : 0;
    return moved * byteSize(collective.src()->dtype()) / ranks;
  }
  }
  return 0;
}

static std::string describeGemm(const Gemm &gemm) {
  std::string text = std::to_string(gemm.m()) + " × " + std::to_string(gemm.n()) + " × " + std::to_string(gemm.k());
  if (gemm.batch() && gemm.batch()->size() != 0)
    text += ", batch " + formatShape(gemm.batch());
  if (gemm.beta() != 0)
    text += ", accumulated";
  if (gemm.bias())
    text += ", bias";
  if (gemm.activation() != Activation::None)
    text += gemm.activation() == Activation::Gelu ? ", GELU" : ", gradient of GELU";
  if (gemm.sums())
    text += ", sums";
  return text + ", " + formatCount(flopsOf(gemm), "FLOP");
}

static std::string describeAttention(const Attention &attention) {
  return std::string(attention.backward() ? "gradient of attention" : "attention") +
         (attention.causal() ? ", causal" : "") + ", " + formatShape(attention.extents()) + ", " +
         formatCount(flopsOf(attention), "FLOP");
}

static std::string describeAction(const Bundle &bundle, const Instruction &instruction) {
  switch (instruction.action_type()) {
  case Action::Dispatch: {
    const Dispatch &dispatch = *instruction.action_as_Dispatch();
    if (!bundle.kernels() || dispatch.kernel() >= bundle.kernels()->size())
      return "kernel";
    return "kernel " + textOf(bundle.kernels()->Get(dispatch.kernel())->name()) + ", " +
           formatBytes(static_cast<double>(workOf(bundle, instruction).bytes));
  }
  case Action::Gemm:
    return "matrix product " + describeGemm(*instruction.action_as_Gemm());
  case Action::Attention:
    return describeAttention(*instruction.action_as_Attention());
  case Action::Collective: {
    const Collective &collective = *instruction.action_as_Collective();
    return std::string(EnumNameCollectiveKind(collective.kind())) + ", " +
           formatBytes(static_cast<double>(bytesOf(*collective.src()))) + " in, " +
           formatBytes(static_cast<double>(bytesOf(*collective.dst()))) + " out";
  }
  case Action::Copy:
    return "copy of " + formatBytes(static_cast<double>(bytesOf(*instruction.action_as_Copy()->src())));
  case Action::Zero:
    return "zeros, " + formatBytes(static_cast<double>(bytesOf(*instruction.action_as_Zero()->dst())));
  case Action::CheckIndex:
    return "check of " + textOf(instruction.action_as_CheckIndex()->what());
  case Action::Record:
    return "records event " + std::to_string(instruction.action_as_Record()->event());
  case Action::Wait:
    return "waits for event " + std::to_string(instruction.action_as_Wait()->event());
  case Action::NONE:
    break;
  }
  return "";
}

std::string describe(const Bundle &bundle, const Instruction &instruction) {
  std::string name = textOf(instruction.name());
  return (name.empty() ? "" : name + "\n") + describeAction(bundle, instruction);
}

} // namespace raddle::report

#include "Instructions.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace raddle {

namespace {

class InstructionWriter {
public:
  InstructionWriter(flatbuffers::FlatBufferBuilder &builder, const llvm::StringMap<uint32_t> &kernels,
                    ArrayRef<uint32_t> states)
      : builder(builder), kernels(kernels), states(states) {}

  flatbuffers::Offset<bundle::Instruction> write(Operation *op) {
    auto [kind, action] = writeAction(op);
    auto stream = op->getAttrOfType<IntegerAttr>("stream");
    auto name = builder.CreateString(nameOf(op));
    return bundle::CreateInstruction(builder, kind, action, stream ? stream.getInt() : 0, name);
  }

private:
  using Action = std::pair<bundle::Action, flatbuffers::Offset<void>>;

  /// What the user's program called it, or what it does.
  std::string nameOf(Operation *op) {
    if (auto collective = dyn_cast<exec::CollectiveOp>(op); collective && collective.getWhat())
      return collective.getWhat()->str();
    if (auto name = op->getLoc()->findInstanceOf<NameLoc>())
      return name.getName().str();
    return op->getName().stripDialect().str();
  }

  flatbuffers::Offset<bundle::Operand> operand(Value value) {
    auto buffer = value.getDefiningOp<exec::BufferOp>();
    MemRefType type = buffer.getType();
    uint32_t index = buffer.getSpace() == exec::Space::State ? states[buffer.getIndex()] : buffer.getIndex();
    auto shape = writeShape(builder, type.getShape());
    return bundle::CreateOperand(builder, static_cast<bundle::Space>(buffer.getSpace()), index, buffer.getOffset(),
                                 *dtypeOf(type.getElementType()), shape);
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<bundle::Operand>>> operands(ValueRange values) {
    std::vector<flatbuffers::Offset<bundle::Operand>> list;
    for (Value value : values)
      list.push_back(operand(value));
    return builder.CreateVector(list);
  }

  Action writeGemm(exec::GemmOp op) {
    auto a = operand(op.getIns()[0]), b = operand(op.getIns()[1]), c = operand(op.getOuts()[0]);
    flatbuffers::Offset<bundle::Operand> bias, aux, sums;
    if (op.getBias())
      bias = operand(op.getIns()[2]);
    if (op.getActivation() == exec::Activation::GeluGradient)
      aux = operand(op.getIns().back());
    if (op.getKept())
      aux = operand(op.getOuts()[1]);
    if (op.getSum() != exec::GemmSum::None)
      sums = operand(op.getOuts().back());
    auto batch = writeShape(builder, op.getBatch()), strideA = writeShape(builder, op.getStrideA());
    auto strideB = writeShape(builder, op.getStrideB()), strideC = writeShape(builder, op.getStrideC());
    bundle::GemmBuilder gemm(builder);
    gemm.add_a(a);
    gemm.add_b(b);
    gemm.add_c(c);
    gemm.add_m(op.getM());
    gemm.add_n(op.getN());
    gemm.add_k(op.getK());
    gemm.add_lda(op.getLd()[0]);
    gemm.add_ldb(op.getLd()[1]);
    gemm.add_ldc(op.getLd()[2]);
    gemm.add_transpose_a(op.getTrans()[0]);
    gemm.add_transpose_b(op.getTrans()[1]);
    gemm.add_alpha(op.getAlpha().convertToDouble());
    gemm.add_beta(op.getAccumulate() ? 1 : 0);
    gemm.add_batch(batch);
    gemm.add_stride_a(strideA);
    gemm.add_stride_b(strideB);
    gemm.add_stride_c(strideC);
    gemm.add_bias(bias);
    gemm.add_activation(static_cast<bundle::Activation>(op.getActivation()));
    gemm.add_aux(aux);
    gemm.add_sum(static_cast<bundle::GemmSum>(op.getSum()));
    gemm.add_sums(sums);
    return {bundle::Action::Gemm, gemm.Finish().Union()};
  }

  Action writeAttention(exec::AttentionOp op) {
    auto ins = operands(op.getIns()), outs = operands(op.getOuts());
    auto extents = writeShape(builder, op.getExtents()), strides = writeShape(builder, op.getStrides());
    return {bundle::Action::Attention, bundle::CreateAttention(builder, ins, outs, op.getBackward(), op.getMasked(),
                                                               op.getCausal(), op.getScale().convertToDouble(), extents,
                                                               strides, op.getUnordered(), op.getLengths())
                                           .Union()};
  }

  flatbuffers::Offset<flatbuffers::Vector<const bundle::Piece *>> writePieces(exec::CollectiveOp op) {
    if (!op.getPieces())
      return {};
    std::vector<bundle::Piece> pieces;
    for (auto numbers = *op.getPieces(); !numbers.empty(); numbers = numbers.drop_front(exec::kPieceNumbers))
      pieces.emplace_back(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
    return builder.CreateVectorOfStructs(pieces);
  }

  Action writeAction(Operation *op) {
    return llvm::TypeSwitch<Operation *, Action>(op)
        .Case([&](exec::DispatchOp op) -> Action {
          auto ins = operands(op.getIns()), outs = operands(op.getOuts());
          return {bundle::Action::Dispatch,
                  bundle::CreateDispatch(builder, kernels.lookup(op.getKernel()), ins, outs).Union()};
        })
        .Case([&](exec::GemmOp op) { return writeGemm(op); })
        .Case([&](exec::AttentionOp op) { return writeAttention(op); })
        .Case([&](exec::CollectiveOp op) -> Action {
          auto src = operand(op.getSrc()), dst = operand(op.getDst());
          return {bundle::Action::Collective,
                  bundle::CreateCollective(builder, static_cast<bundle::CollectiveKind>(op.getKind()),
                                           static_cast<bundle::Reduction>(op.getReduction()), src, dst,
                                           static_cast<bundle::Group>(op.getGroup()), writePieces(op))
                      .Union()};
        })
        .Case([&](exec::CopyOp op) -> Action {
          auto src = operand(op.getSrc()), dst = operand(op.getDst());
          return {bundle::Action::Copy, bundle::CreateCopy(builder, src, dst).Union()};
        })
        .Case([&](exec::ZeroOp op) -> Action {
          return {bundle::Action::Zero, bundle::CreateZero(builder, operand(op.getDst())).Union()};
        })
        .Case([&](exec::CheckIndexOp op) -> Action {
          auto src = operand(op.getIndices());
          auto what = builder.CreateString(op.getWhat().str());
          std::optional<uint64_t> ignore = op.getIgnore();
          auto code = op->getAttrOfType<FlatSymbolRefAttr>("exec.check_kernel");
          int32_t kernel = code ? kernels.lookup(code.getValue()) : -1;
          return {bundle::Action::CheckIndex, bundle::CreateCheckIndex(builder, src, op.getSize(), ignore.has_value(),
                                                                       static_cast<int64_t>(ignore.value_or(0)), what,
                                                                       static_cast<int64_t>(op.getLowest()), kernel)
                                                  .Union()};
        })
        .Case([&](exec::RecordOp op) -> Action {
          return {bundle::Action::Record, bundle::CreateRecord(builder, op.getEvent()).Union()};
        })
        .Case([&](exec::WaitOp op) -> Action {
          return {bundle::Action::Wait, bundle::CreateWait(builder, op.getEvent()).Union()};
        });
  }

  flatbuffers::FlatBufferBuilder &builder;
  const llvm::StringMap<uint32_t> &kernels;
  ArrayRef<uint32_t> states;
};

} // namespace

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<bundle::Instruction>>>
writeInstructions(flatbuffers::FlatBufferBuilder &builder, exec::ProgramOp program,
                  const llvm::StringMap<uint32_t> &kernels, ArrayRef<uint32_t> states) {
  InstructionWriter writer(builder, kernels, states);
  std::vector<flatbuffers::Offset<bundle::Instruction>> instructions;
  for (Operation *op : program.getInstructions())
    instructions.push_back(writer.write(op));
  return builder.CreateVector(instructions);
}

} // namespace raddle

// The exec dialect and its verifiers. The tag at each check is the constraint's in ExecOps.td.
#include "raddle/Dialect/Exec/IR/ExecOps.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "raddle/Bundle/Attention.h"
#include "raddle/Utils/TensorQueries.h"
#include "llvm/ADT/TypeSwitch.h"

#include "raddle/Dialect/Exec/IR/ExecDialect.cpp.inc"
#include "raddle/Dialect/Exec/IR/ExecEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "raddle/Dialect/Exec/IR/ExecAttrs.cpp.inc"

using namespace mlir;
using namespace raddle;
using namespace raddle::exec;

void ExecDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "raddle/Dialect/Exec/IR/ExecAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "raddle/Dialect/Exec/IR/ExecOps.cpp.inc"
      >();
}

LogicalResult ExecDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if (name == "exec.check_kernel" && !isa<FlatSymbolRefAttr>(attribute.getValue()))
    return op->emitError("attribute 'exec.check_kernel' must be the name of a kernel, is ") << attribute.getValue();
  if (name == "exec.target" && !isa<StringAttr>(attribute.getValue()))
    return op->emitError("attribute 'exec.target' must be a string, is ") << attribute.getValue();
  if (name != "exec.flops" && name != "exec.bytes" && name != "exec.args" && name != "exec.range" &&
      name != "exec.blocks" && name != "exec.threads" && name != "exec.scratch")
    return success();
  auto number = dyn_cast<IntegerAttr>(attribute.getValue());
  if (number && number.getType().isSignlessInteger(64))
    return success();
  return op->emitError("attribute '") << name << "' must be an integer of 64 bits, is " << attribute.getValue();
}

//===----------------------------------------------------------------------===//
// Program and buffers
//===----------------------------------------------------------------------===//

SmallVector<Operation *> ProgramOp::getInstructions() {
  SmallVector<Operation *> instructions;
  for (Operation &op : getBody().front())
    if (!isa<BufferOp>(op))
      instructions.push_back(&op);
  return instructions;
}

/// The order of records and waits. The program checks it, in one walk: events cannot look for each other in long
/// programs.
static LogicalResult verifyEvents(ProgramOp program) {
  llvm::DenseSet<uint64_t> recorded;
  for (Operation &op : program.getBody().front()) {
    if (auto record = dyn_cast<RecordOp>(op)) {
      if (!recorded.insert(record.getEvent()).second) // exec_record_c1
        return record.emitOpError("records event ") << record.getEvent() << " a second time";
    } else if (auto wait = dyn_cast<WaitOp>(op)) {
      if (!recorded.contains(wait.getEvent())) // exec_wait_c1
        return wait.emitOpError("waits for event ") << wait.getEvent() << ", which is not recorded before";
    }
  }
  return success();
}

/// After the ops of the body have been verified, whose attributes it reads.
LogicalResult ProgramOp::verifyRegions() {
  if (failed(verifyEvents(*this)))
    return failure();
  WalkResult result = walk([&](Operation *op) {
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (isa<TensorType>(type)) { // exec_program_c3
        op->emitOpError("is on a tensor inside program '") << getSymName() << "'";
        return WalkResult::interrupt();
      }
    auto buffer = dyn_cast<BufferOp>(op);
    if (!buffer)
      return WalkResult::advance();
    int64_t index = buffer.getIndex(), offset = buffer.getOffset();
    std::optional<int64_t> size = arrayBytes(buffer.getType());
    if (!size) {
      op->emitOpError("expects at most 2^47 bytes, is ") << buffer.getType();
      return WalkResult::interrupt();
    }
    int64_t bytes = *size;
    if (buffer.getSpace() == Space::Arena) {
      if (index != 0 || offset > static_cast<int64_t>(getArena()) - bytes) { // exec_program_c1
        op->emitOpError("covers bytes [") << offset << ", " << offset + bytes << ") of arena " << index
                                          << ", outside the program's arena of " << getArena() << " bytes";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    }
    int64_t count = buffer.getSpace() == Space::State    ? getStates().size()
                    : buffer.getSpace() == Space::Input  ? getInputs().size()
                    : buffer.getSpace() == Space::Output ? getOutputs().size()
                                                         : std::numeric_limits<int64_t>::max();
    if (index >= count) { // exec_program_c2
      op->emitOpError("expects an index below ") << count << ", is " << index;
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult BufferOp::verify() {
  int64_t index = getIndex(), offset = getOffset();
  if (index < 0 || offset < 0) // exec_buffer_c1
    return emitOpError("expects index and offset not to be negative, is ") << index << " and " << offset;
  if (!getType().getLayout().isIdentity()) // exec_buffer_c2
    return emitOpError("expects a contiguous memref, is ") << getType();
  int64_t size = elementBytes(getType().getElementType());
  if (offset % size != 0) // exec_buffer_c3
    return emitOpError("expects an offset that is a multiple of ") << size << ", is " << offset;
  return success();
}

LogicalResult ConstantOp::verify() {
  if (isa<DenseElementsAttr, DenseResourceElementsAttr>(getValue())) // exec_constant_c1
    return success();
  return emitOpError("expects a dense value, is ") << getValue();
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

/// Tensors with results, or memrefs with `outs`; nothing between.
static LogicalResult verifyForm(Operation *op, ValueRange ins, ValueRange outs, ValueRange results) {
  bool onTensors = llvm::all_of(ins.getTypes(), llvm::IsaPred<TensorType>);
  bool onBuffers = llvm::all_of(ins.getTypes(), llvm::IsaPred<MemRefType>);
  if (onTensors && outs.empty() && !results.empty())
    return success();
  if (onBuffers && results.empty() && !outs.empty())
    return success();
  return op->emitOpError("expects tensors with results or memrefs with 'outs', has ")
         << ins.size() << " operands in 'ins', " << outs.size() << " in 'outs' and " << results.size() << " results";
}

LogicalResult DispatchOp::verify() { return verifyForm(*this, getIns(), getOuts(), getTensors()); } // exec_dispatch_c2

LogicalResult DispatchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *kernel = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  if (!kernel || !kernel->hasAttr("exec.kernel")) // exec_dispatch_c1
    return emitOpError("expects a kernel, ") << getKernelAttr() << " is none";
  auto function = dyn_cast<FunctionOpInterface>(kernel);
  if (!function || isa<LLVM::LLVMFuncOp>(kernel)) // Generated code takes pointers: nothing to compare.
    return success();
  SmallVector<Type> actual(getIns().getTypes()), expected(function.getArgumentTypes());
  llvm::append_range(actual, getOuts().empty() ? TypeRange(getTensors().getTypes()) : TypeRange(getOuts().getTypes()));
  llvm::append_range(expected, function.getResultTypes());
  bool matches = actual.size() == expected.size();
  for (size_t i = 0; matches && i < actual.size(); ++i) {
    auto a = cast<ShapedType>(actual[i]);
    auto e = dyn_cast<ShapedType>(expected[i]);
    matches = e && a.getShape() == e.getShape() && a.getElementType() == e.getElementType();
  }
  if (matches) // exec_dispatch_c3
    return success();
  InFlightDiagnostic error = emitOpError("expects operands and results of types (")
                             << expected << "), is (" << actual << ")";
  error.attachNote(kernel->getLoc()) << "kernel " << getKernelAttr() << " is here";
  return error;
}

/// On buffers an op reads and writes; on tensors it has results only.
template <typename Op> static void addEffects(Op op, SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  for (OpOperand &operand : op.getOutsMutable())
    effects.emplace_back(MemoryEffects::Write::get(), &operand);
  if (!op.getOuts().empty())
    for (OpOperand &operand : op.getInsMutable())
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
}

void DispatchOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) { addEffects(*this, effects); }

void GemmOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  addEffects(*this, effects);
  if (getAccumulate() && !getOuts().empty())
    effects.emplace_back(MemoryEffects::Read::get(), &getOutsMutable()[0]);
}

void AttentionOp::getEffects(SmallVectorImpl<MemoryEffects::EffectInstance> &effects) { addEffects(*this, effects); }

/// What is done with the result of a product, whose element type is that of C.
static LogicalResult verifyEpilogue(GemmOp op, ArrayRef<ShapedType> extra, Type element) {
  bool gradient = op.getActivation() == Activation::GeluGradient, gelu = op.getActivation() == Activation::Gelu;
  bool sumsResult = op.getSum() == GemmSum::Result, sumsOperand = op.getSum() != GemmSum::None && !sumsResult;
  bool combines = !(gradient && op.getBias()) && sumsResult <= gradient && op.getKept() <= gelu &&
                  !(sumsOperand && (op.getBias() || gelu || gradient));
  if (!combines) // exec_gemm_c5
    return op.emitOpError("does not combine ")
           << (op.getBias() ? "bias, " : "") << "activation " << stringifyActivation(op.getActivation())
           << (op.getKept() ? ", kept" : "") << " and sum " << stringifyGemmSum(op.getSum());
  if (op.hasEpilogue() && (!op.getBatch().empty() || element.isF64())) // exec_gemm_c5
    return op.emitOpError("expects bias, activation and sum without batch and f64, is batch ")
           << op.getBatch() << " of " << element;
  int64_t m = op.getM(), n = op.getN();
  if ((op.getKept() || gradient) && n % 8 != 0) // exec_gemm_c6
    return op.emitOpError("expects rows of multiples of 8 with 'kept' and 'gelu_gradient', is n ") << n;
  SmallVector<int64_t> counts;
  if (op.getBias())
    counts.push_back(n);
  if (op.getKept() || gradient)
    counts.push_back(m * n);
  if (op.getSum() != GemmSum::None)
    counts.push_back(op.getSum() == GemmSum::A ? m : n);
  for (auto [type, count] : llvm::zip_equal(extra, counts)) // exec_gemm_c6
    if (type.getElementType() != element || type.getNumElements() != count)
      return op.emitOpError("expects ") << count << " elements of " << element << ", is " << type;
  return success();
}

LogicalResult GemmOp::verify() {
  bool hasAddend = getAccumulate() && getOuts().empty();
  size_t ins = 2 + getBias() + (getActivation() == Activation::GeluGradient) + hasAddend;
  size_t results = 1 + getKept() + (getSum() != GemmSum::None);
  if (getIns().size() != ins) // exec_gemm_c1
    return emitOpError("expects ") << ins << " operands in 'ins', is " << getIns().size();
  if (failed(verifyForm(*this, getIns(), getOuts(), getTensors()))) // exec_gemm_c1
    return failure();
  if (getOuts().size() + getTensors().size() != results) // exec_gemm_c1
    return emitOpError("expects ") << results << " results or operands in 'outs', is "
                                   << getOuts().size() + getTensors().size();
  SmallVector<Type> written(getOuts().empty() ? TypeRange(getTensors().getTypes()) : TypeRange(getOuts().getTypes()));
  ShapedType types[] = {cast<ShapedType>(getIns()[0].getType()), cast<ShapedType>(getIns()[1].getType()),
                        cast<ShapedType>(written[0])};
  SmallVector<ShapedType> extra;
  for (Type type : getIns().drop_back(hasAddend).drop_front(2).getTypes())
    extra.push_back(cast<ShapedType>(type));
  for (Type type : llvm::drop_begin(written))
    extra.push_back(cast<ShapedType>(type));
  Type a = types[0].getElementType(), b = types[1].getElementType(), c = types[2].getElementType();
  bool isWide = a.isF32() || a.isF64(), isNarrow = a.isF16() || a.isBF16();
  if (!(isWide || isNarrow) || a != b || (c != a && !(isNarrow && c.isF32()))) // exec_gemm_c2
    return emitOpError("expects operands of one type, f32, f64, f16 or bf16, and a result of that or, for 16 bits, of "
                       "f32, is ")
           << a << ", " << b << " and " << c;
  if (getLd().size() != 3 || getTrans().size() != 2)
    return emitOpError("expects three leading dimensions and two flags, is ")
           << getLd().size() << " and " << getTrans().size();
  ArrayRef<int64_t> strides[] = {getStrideA(), getStrideB(), getStrideC()};
  for (ArrayRef<int64_t> list : strides) // exec_gemm_c3
    if (list.size() != getBatch().size())
      return emitOpError("expects ") << getBatch().size() << " strides, one a batch loop, is " << list.size();
  int64_t m = getM(), n = getN(), k = getK();
  if (m <= 0 || n <= 0 || k <= 0 || llvm::any_of(getBatch(), [](int64_t extent) { return extent <= 0; }))
    return emitOpError("expects positive extents, is m ") << m << " n " << n << " k " << k << " batch " << getBatch();
  std::pair<int64_t, int64_t> extents[] = {{m, k}, {k, n}, {m, n}};
  for (int i = 0; i < 3; ++i) { // exec_gemm_c4
    auto [rows, columns] = extents[i];
    if (i < 2 && getTrans()[i])
      std::swap(rows, columns);
    int64_t last = columns;
    bool fits = getLd()[i] >= columns;
    auto advance = [&](int64_t extent, int64_t stride) {
      int64_t step;
      fits =
          fits && stride >= 0 && !llvm::MulOverflow(extent - 1, stride, step) && !llvm::AddOverflow(last, step, last);
    };
    advance(rows, getLd()[i]);
    for (auto [extent, stride] : llvm::zip(getBatch(), strides[i]))
      advance(extent, stride);
    if (!fits || last > types[i].getNumElements())
      return emitOpError("reaches element ")
             << last << " of operand " << i << " with rows of " << columns << " and leading dimension " << getLd()[i]
             << ", which has type " << types[i];
  }
  auto addend = hasAddend ? cast<ShapedType>(getAddend().getType()) : types[2];
  if (addend.getElementType() != c || addend.getNumElements() != types[2].getNumElements()) // exec_gemm_c7
    return emitOpError("expects to be added to ")
           << types[2].getNumElements() << " elements of " << c << ", is " << addend;
  return verifyEpilogue(*this, extra, c);
}

attention::Hiding AttentionOp::getHiding() {
  if (getMasked())
    return attention::Hiding::Mask;
  return getLengths() ? attention::Hiding::Lengths : attention::Hiding::Nothing;
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyForm(*this, getIns(), getOuts(), getTensors()))) // exec_attention_c1
    return failure();
  if (getMasked() && getLengths()) // exec_attention_c7
    return emitOpError("expects 'masked' or 'lengths', has both");
  attention::Hiding hiding = getHiding();
  attention::Extents extents;
  constexpr int64_t limit = std::numeric_limits<int32_t>::max();
  if (getExtents().size() != extents.size() ||
      llvm::any_of(getExtents(), [](int64_t extent) { return extent <= 0 || extent > limit; })) // exec_attention_c4
    return emitOpError("expects ") << extents.size() << " extents from 1 to " << limit << ", is " << getExtents();
  llvm::copy(getExtents(), extents.begin());
  std::vector<attention::Shape> shapes = attention::shapesOf(extents, hiding, getBackward());
  size_t inputs = attention::countInputs(hiding, getBackward());
  ResultRange tensors = getTensors();
  SmallVector<Type> types(getIns().getTypes());
  llvm::append_range(types, getOuts().empty() ? TypeRange(tensors.getTypes()) : TypeRange(getOuts().getTypes()));
  if (getIns().size() != inputs || types.size() != shapes.size()) // exec_attention_c2
    return emitOpError("expects ") << inputs << " operands in 'ins' and " << shapes.size() - inputs << " results, is "
                                   << getIns().size() << " and " << types.size() - getIns().size();
  size_t rank = shapes.front().size();
  if (getStrides().size() != rank * shapes.size() ||
      llvm::any_of(getStrides(), [](int64_t stride) { return stride < 0; })) // exec_attention_c4
    return emitOpError("expects ") << rank * shapes.size() << " strides that are not negative, is " << getStrides();
  for (auto [index, shape] : llvm::enumerate(shapes)) {
    auto type = cast<ShapedType>(types[index]);
    bool isHiding = hiding != attention::Hiding::Nothing && index == attention::hidingPosition;
    bool isMask = isHiding && getMasked(), isLengths = isHiding && getLengths();
    bool isVector = !isHiding && index != attention::positionOf(attention::LogSumExp, hiding);
    Type vectors = cast<ShapedType>(types[attention::Query]).getElementType(), element = type.getElementType();
    if (index == attention::Query && !element.isF32() && !element.isF16() && !element.isBF16()) // exec_attention_c3
      return emitOpError("expects vectors of f32, f16 or bf16, is ") << type;
    if (isLengths && !element.isInteger(32) && !element.isInteger(64)) // exec_attention_c3
      return emitOpError("expects lengths of i32 or i64, is ") << type;
    Type expected = isVector || isMask ? vectors : Float32Type::get(getContext());
    if (!isLengths && element != expected &&
        !(isMask && (element.isInteger(1) || element.isF32()))) // exec_attention_c3
      return emitOpError("expects operand ")
             << index << " of " << expected << (isMask ? ", f32 or i1" : "") << ", is " << type;
    ArrayRef<int64_t> strides = getStrides().slice(index * rank, rank);
    if (isVector && (strides[3] != 1 || strides[2] < shape[3] || strides[2] > limit)) // exec_attention_c6
      return emitOpError("expects vectors of operand ")
             << index << " from " << shape[3] << " to " << limit
             << " elements apart and their elements side by side, is " << strides;
    int64_t last = 0, step;
    bool fits = true;
    for (auto [extent, stride] : llvm::zip(shape, strides))
      fits = fits && !llvm::MulOverflow(extent - 1, stride, step) && !llvm::AddOverflow(last, step, last);
    if (!fits || last >= type.getNumElements()) // exec_attention_c5
      return emitOpError("reaches element ") << last << " of operand " << index << ", which has type " << type;
  }
  return success();
}

LogicalResult CheckIndexOp::verify() {
  if (static_cast<int64_t>(getSize()) <= 0) // exec_check_index_c1
    return emitOpError("expects a positive size, is ") << static_cast<int64_t>(getSize());
  if (static_cast<int64_t>(getLowest()) > 0) // exec_check_index_c2
    return emitOpError("expects 'lowest' not to be positive, is ") << static_cast<int64_t>(getLowest());
  return success();
}

/// exec_collective_c3
static LogicalResult verifyPieces(CollectiveOp op, ArrayRef<int64_t> numbers, int64_t from, int64_t into) {
  if (numbers.size() % kPieceNumbers != 0)
    return op.emitOpError("expects ") << kPieceNumbers << " numbers a piece, is " << numbers.size() << " in all";
  for (; !numbers.empty(); numbers = numbers.drop_front(kPieceNumbers)) {
    int64_t source = numbers[2], target = numbers[3], count = numbers[4];
    if (llvm::any_of(numbers.take_front(kPieceNumbers), [](int64_t number) { return number < 0; }) || count > from ||
        source > from - count || count > into || target > into - count)
      return op.emitOpError("moves ") << count << " elements from " << source << " to " << target
                                      << ", outside a source of " << from << " or a destination of " << into;
  }
  return success();
}

LogicalResult CollectiveOp::verify() {
  auto src = cast<MemRefType>(getSrc().getType()), dst = cast<MemRefType>(getDst().getType());
  if (src.getElementType() != dst.getElementType()) // exec_collective_c1
    return emitOpError("expects one element type, is ") << src << " and " << dst;
  int64_t from = src.getNumElements(), into = dst.getNumElements();
  if ((getKind() == CollectiveKind::Transfer) != getPieces().has_value()) // exec_collective_c3
    return emitOpError("expects 'pieces' of a transfer, and of nothing else");
  if (getKind() == CollectiveKind::Transfer)
    return verifyPieces(*this, *getPieces(), from, into);
  bool fits = getKind() == CollectiveKind::AllReduce   ? from == into
              : getKind() == CollectiveKind::AllGather ? from > 0 && into % from == 0
                                                       : into > 0 && from % into == 0;
  if (fits) // exec_collective_c2
    return success();
  return emitOpError("expects sizes that fit '")
         << stringifyCollectiveKind(getKind()) << "', is " << src << " into " << dst;
}

LogicalResult CopyOp::verify() {
  if (getSrc().getType() == getDst().getType()) // exec_copy_c1
    return success();
  return emitOpError("expects one type, is ") << getSrc().getType() << " and " << getDst().getType();
}

LogicalResult RecordOp::verify() {
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (!program)
    return emitOpError("expects to be inside an 'exec.program'");
  if (getEvent() >= program.getEvents()) // exec_record_c1
    return emitOpError("expects an event below ") << program.getEvents() << ", is " << getEvent();
  return success();
}

#define GET_OP_CLASSES
#include "raddle/Dialect/Exec/IR/ExecOps.cpp.inc"

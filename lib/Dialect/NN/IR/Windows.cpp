#include "WindowBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace raddle::nn {

int64_t Windows::paddedExtent(int64_t dim) const {
  int64_t reach = output[dim] > 0 ? (output[dim] - 1) * stride[dim] + (kernel[dim] - 1) * dilation[dim] + 1 : 0;
  return std::max(reach, padding[dim] + input[dim]);
}

bool Windows::isPointwise() const {
  return llvm::all_of(llvm::seq<int64_t>(0, rank()), [&](int64_t dim) {
    return kernel[dim] == 1 && stride[dim] == 1 && padding[dim] == 0 && input[dim] == output[dim];
  });
}

int64_t Windows::kernelSize() const { return llvm::product_of(kernel); }
int64_t Windows::outputSize() const { return llvm::product_of(output); }

RankedTensorType WindowBuilder::paddedType(RankedTensorType type) const {
  SmallVector<int64_t> shape(type.getShape().drop_back(windows.rank()));
  for (int64_t dim = 0; dim < windows.rank(); ++dim)
    shape.push_back(windows.paddedExtent(dim));
  return RankedTensorType::get(shape, type.getElementType());
}

/// Offsets of the input in its padded tensor.
static SmallVector<OpFoldResult> inputOffsets(OpBuilder &builder, const Windows &windows, int64_t rank) {
  SmallVector<OpFoldResult> offsets(rank - windows.rank(), builder.getIndexAttr(0));
  llvm::append_range(offsets, getAsIndexOpFoldResult(builder.getContext(), windows.padding));
  return offsets;
}

Value WindowBuilder::pad(Value input, double value) const {
  auto type = cast<RankedTensorType>(input.getType());
  RankedTensorType padded = paddedType(type);
  if (padded == type)
    return input;
  Value filled = buildFilled(builder, loc, padded, value);
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, input, filled, inputOffsets(builder, windows, type.getRank()),
                                       getAsIndexOpFoldResult(builder.getContext(), type.getShape()), strides);
}

Value WindowBuilder::unpad(Value padded) const {
  auto type = cast<RankedTensorType>(padded.getType());
  SmallVector<int64_t> shape(type.getShape().drop_back(windows.rank()));
  llvm::append_range(shape, windows.input);
  RankedTensorType inner = RankedTensorType::get(shape, type.getElementType());
  if (inner == type)
    return padded;
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(builder, loc, inner, padded, inputOffsets(builder, windows, type.getRank()),
                                        getAsIndexOpFoldResult(builder.getContext(), shape), strides);
}

AffineMap WindowBuilder::windowMap(unsigned loops, ArrayRef<int64_t> lead, int64_t kernelLoop,
                                   int64_t windowLoop) const {
  SmallVector<AffineExpr> results;
  for (int64_t loop : lead)
    results.push_back(builder.getAffineDimExpr(loop));
  for (int64_t dim = 0; dim < windows.rank(); ++dim)
    results.push_back(builder.getAffineDimExpr(windowLoop + dim) * windows.stride[dim] +
                      builder.getAffineDimExpr(kernelLoop + dim) * windows.dilation[dim]);
  return AffineMap::get(loops, 0, results, builder.getContext());
}

AffineMap WindowBuilder::windowMap(int64_t lead) const {
  return windowMap(loops(lead), llvm::to_vector(llvm::seq<int64_t>(0, lead)), lead, lead + windows.rank());
}

AffineMap WindowBuilder::outputMap(int64_t lead) const {
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, lead));
  llvm::append_range(dims, llvm::seq<int64_t>(lead + windows.rank(), loops(lead)));
  return projection(builder.getContext(), loops(lead), dims);
}

void WindowBuilder::addKernelBounds(int64_t lead, SmallVectorImpl<Value> &values,
                                    SmallVectorImpl<AffineMap> &maps) const {
  for (auto [dim, extent] : llvm::enumerate(windows.kernel)) {
    // A slice of different elements: a splat would become memory of the kernel.
    SmallVector<int8_t> elements(extent + 1, 0);
    elements.back() = 1;
    auto type = RankedTensorType::get({extent + 1}, builder.getI8Type());
    Value constant = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, ArrayRef<int8_t>(elements)));
    OpFoldResult one = builder.getIndexAttr(1), size = builder.getIndexAttr(extent);
    values.push_back(tensor::ExtractSliceOp::create(builder, loc, RankedTensorType::get({extent}, builder.getI8Type()),
                                                    constant, OpFoldResult(builder.getIndexAttr(0)), size, one));
    maps.push_back(projection(builder.getContext(), loops(lead), {lead + static_cast<int64_t>(dim)}));
  }
}

Value WindowBuilder::unfold(Value input) const {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t lead = type.getRank() - windows.rank();
  SmallVector<int64_t> shape(type.getShape().take_front(lead));
  llvm::append_range(shape, windows.kernel);
  llvm::append_range(shape, windows.output);
  return buildElementwise(builder, loc, RankedTensorType::get(shape, type.getElementType()), {pad(input, 0.0)},
                          {windowMap(lead)}, [](const Scalars &, ValueRange args) { return args[0]; });
}

Value WindowBuilder::fold(Value input) const {
  auto type = cast<RankedTensorType>(input.getType());
  int64_t lead = type.getRank() - 2 * windows.rank();
  SmallVector<int64_t> shape(type.getShape().take_front(lead));
  llvm::append_range(shape, windows.input);
  RankedTensorType padded = paddedType(RankedTensorType::get(shape, type.getElementType()));
  return unpad(buildReduction(builder, loc, padded, {input}, {builder.getMultiDimIdentityMap(type.getRank())},
                              windowMap(lead), 0.0,
                              [](const Scalars &s, ValueRange args) { return s.add(args[1], args[0]); }));
}

} // namespace raddle::nn

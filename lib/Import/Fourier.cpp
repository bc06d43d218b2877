// Discrete Fourier transforms of dimensions: products with constant matrices.
#include "ComplexOps.h"
#include "Rows.h"
#include "Spatial.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

/// A row of n elements costs n products and additions for each of its results, and the matrices are in the bundle: 64
/// MB in f32 for the greatest size.
constexpr int64_t kLargestSize = 2896;

/// Which numbers a transform leads from and to. A half spectrum is what real numbers have: the other half is its
/// conjugate.
enum class Transform { Complex, RealToHalf, HalfToReal };

/// How to transform one dimension of a tensor.
struct Plan {
  Transform kind;
  bool isInverse;
  int64_t dim;
  int64_t size; // of the transform, in numbers
  double scale;
};

double scaleOf(NodeBuilder &node, StringRef norm, bool isInverse, int64_t size) {
  if (norm == "ortho")
    return 1 / std::sqrt(double(size));
  if (norm == "forward" || norm == "backward" || norm.empty())
    return (norm == "forward") != isInverse ? 1.0 / double(size) : 1.0;
  node.fail(node.node.target + " with norm '" + norm + "', expected backward, ortho or forward");
  return 1;
}

/// [from, to]: scale · cos (or sin) of ±2π j k / size, where row j counts for both halves of a spectrum if it is one.
Value buildMatrix(NodeBuilder &node, const Plan &plan, bool isSine, int64_t from, int64_t to, Type element) {
  SmallVector<double> values;
  values.reserve(from * to);
  for (int64_t j = 0; j < from; ++j) {
    bool isTwice = plan.kind == Transform::HalfToReal && j != 0 && 2 * j != plan.size;
    double scale = plan.scale * (isTwice ? 2 : 1);
    for (int64_t k = 0; k < to; ++k) {
      // Reduced before it is rounded, and exact where it is a quarter turn.
      int64_t turn = j * k % plan.size;
      double angle = 2 * llvm::numbers::pi * double(turn) / double(plan.size);
      bool isQuarter = 4 * turn % plan.size == 0;
      double value = isSine ? std::sin(angle) : std::cos(angle);
      if (isQuarter)
        value = std::round(value);
      values.push_back(scale * (isSine && !plan.isInverse ? -value : value));
    }
  }
  return constantTensor(node, values, element, {from, to});
}

/// `value` with dimension `dim` cut off or filled with zeros to `size` elements.
Value resize(NodeBuilder &node, Value value, int64_t dim, int64_t size) {
  if (node.failed() || !value)
    return value;
  Shape shape(node.shapeOf(value));
  if (shape[dim] >= size)
    return node.slice(value, dim, 0, size);
  shape[dim] = size - shape[dim];
  return node.concat({value, node.fill(shape, node.elementOf(value), Scalar::ofInt(0))}, dim);
}

/// Rows along dimension `dim` times `matrix`.
Value multiplyAlong(NodeBuilder &node, Value value, int64_t dim, Value matrix) {
  if (node.failed() || !value)
    return nullptr;
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, node.rankOf(value)));
  std::swap(permutation[dim], permutation.back());
  Value rows = node.transpose(value, permutation);
  if (node.failed())
    return nullptr;
  Shape shape(node.shapeOf(rows));
  int64_t count = ShapedType::getNumElements(ArrayRef(shape).drop_back());
  Value product = node.matmul(node.reshape(rows, {count, shape.back()}), matrix, /*transposed=*/false);
  shape.back() = node.failed() ? 0 : node.shapeOf(matrix)[1];
  product = node.reshape(product, shape);
  // The permutation is its own inverse.
  return node.failed() ? nullptr : node.transpose(product, permutation);
}

Value combine(NodeBuilder &node, Value lhs, Value rhs, BinaryFn fn) {
  if (node.failed() || !rhs)
    return lhs;
  Type type = node.elementOf(lhs);
  return applyBinary(node, lhs, rhs, type, type, fn);
}

ComplexParts transform(NodeBuilder &node, ComplexParts z, const Plan &plan) {
  if (node.failed())
    return {};
  if (plan.size < 1 || plan.size > kLargestSize) {
    node.fail(node.node.target + " of " + Twine(plan.size) + " numbers, expected 1 to " + Twine(kLargestSize));
    return {};
  }
  int64_t half = plan.size / 2 + 1;
  int64_t from = plan.kind == Transform::HalfToReal ? half : plan.size;
  int64_t to = plan.kind == Transform::RealToHalf ? half : plan.size;
  z.real = resize(node, z.real, plan.dim, from);
  z.imaginary = resize(node, z.imaginary, plan.dim, from);
  if (node.failed())
    return {};
  Type element = node.elementOf(z.real);
  if (!isa<FloatType>(element)) {
    node.fail(node.node.target + " of numbers that are neither floating-point nor complex");
    return {};
  }
  Value cosine = buildMatrix(node, plan, false, from, to, element);
  Value sine = buildMatrix(node, plan, true, from, to, element);
  Value real =
      combine(node, multiplyAlong(node, z.real, plan.dim, cosine), multiplyAlong(node, z.imaginary, plan.dim, sine),
              [](const Body &body, Value a, Value b) { return body.sub(a, b); });
  if (plan.kind == Transform::HalfToReal)
    return {real, Value()};
  Value imaginary =
      combine(node, multiplyAlong(node, z.real, plan.dim, sine), multiplyAlong(node, z.imaginary, plan.dim, cosine),
              [](const Body &body, Value a, Value b) { return body.add(a, b); });
  return {real, imaginary};
}

/// What PyTorch's functions say about the dimensions: sizes of the transform, given or those of the tensor.
struct Dimensions {
  SmallVector<int64_t> dims, sizes;
};

std::optional<Dimensions> readDimensions(NodeBuilder &node, ArrayRef<int64_t> shape, bool lastIsHalf) {
  Dimensions result;
  StringRef name = node.node.target.rsplit('.').first;
  bool isPlane = name.ends_with("2"), isGeneral = name.ends_with("n");
  SmallVector<int64_t> sizes = node.integers(isPlane || isGeneral ? "s" : "n");
  if (node.has("dim"))
    result.dims = node.integers("dim");
  else if (isGeneral && sizes.empty())
    result.dims = llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  else
    for (int64_t last = isGeneral ? int64_t(sizes.size()) : isPlane ? 2 : 1; last > 0; --last)
      result.dims.push_back(-last);
  if (shape.empty() || result.dims.empty() || (!sizes.empty() && sizes.size() != result.dims.size()))
    node.fail(node.node.target + " of a tensor of shape " + node.describe(shape) + " with sizes " +
              node.describe(sizes) + " and dimensions " + node.describe(result.dims));
  for (int64_t &dim : result.dims)
    dim = node.wrapDimension(dim, shape.size());
  if (node.failed())
    return std::nullopt;
  for (auto [index, dim] : llvm::enumerate(result.dims)) {
    bool isHalf = lastIsHalf && index + 1 == result.dims.size();
    bool isGiven = !sizes.empty() && sizes[index] != -1;
    result.sizes.push_back(isGiven ? sizes[index] : isHalf ? 2 * (shape[dim] - 1) : shape[dim]);
  }
  return result;
}

/// The operand's parts in the type of the result's.
ComplexParts readParts(NodeBuilder &node) {
  ComplexParts z = splitParts(node, "self");
  Type element = node.declaredElement();
  if (node.failed())
    return {};
  z.real = node.cast(z.real, element);
  if (z.imaginary)
    z.imaginary = node.cast(z.imaginary, element);
  return z;
}

/// A real result is one tensor, a complex one a pair.
LogicalResult finish(NodeBuilder &node, const ComplexParts &z, bool isReal) {
  if (node.failed())
    return failure();
  return node.result(isReal ? z.real : joinParts(node, z));
}

/// Transforms of all dimensions; the last listed one is that of the real numbers.
template <Transform kind, bool isInverse> LogicalResult fourier(NodeBuilder &node) {
  ComplexParts z = readParts(node);
  if (node.failed())
    return failure();
  std::optional<Dimensions> dimensions =
      readDimensions(node, Shape(node.shapeOf(z.real)), kind == Transform::HalfToReal);
  StringRef norm = node.string("norm", "backward");
  if (!dimensions || node.failed())
    return failure();
  if (kind == Transform::RealToHalf && z.imaginary)
    return node.fail(node.node.target + " of complex numbers"), failure();
  // Dimension after dimension; what real numbers are read from is first, what they are written to last.
  SmallVector<size_t> order = llvm::to_vector(llvm::seq<size_t>(0, dimensions->dims.size()));
  if (kind == Transform::RealToHalf)
    std::reverse(order.begin(), order.end());
  size_t lastIndex = order.size() - 1;
  for (size_t index : order) {
    int64_t size = dimensions->sizes[index];
    double scale = scaleOf(node, norm, isInverse, std::max<int64_t>(size, 1));
    z = transform(node, z,
                  {index == lastIndex ? kind : Transform::Complex, isInverse, dimensions->dims[index], size, scale});
  }
  return finish(node, z, kind == Transform::HalfToReal);
}

/// Core ATen's transforms: normalisation 0 is none, 1 by the root of the size, 2 by the size.
Plan readCore(NodeBuilder &node, Transform kind, bool isInverse, int64_t dim, int64_t size) {
  int64_t normalization = node.integer("normalization", 0);
  if (!node.failed() && (normalization < 0 || normalization > 2))
    node.fail(node.node.target + " with normalization " + Twine(normalization) + ", expected 0 to 2");
  double n = double(std::max<int64_t>(size, 1));
  return {kind, isInverse, dim, size, normalization == 2 ? 1 / n : normalization == 1 ? 1 / std::sqrt(n) : 1.0};
}

template <Transform kind> LogicalResult coreFourier(NodeBuilder &node) {
  ComplexParts z = readParts(node);
  SmallVector<int64_t> dims = node.integers("dim");
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(z.real));
  for (int64_t &dim : dims)
    dim = node.wrapDimension(dim, shape.size());
  bool isForward = kind == Transform::RealToHalf || (kind == Transform::Complex && node.boolean("forward", true));
  bool isWhole = kind == Transform::RealToHalf && !node.boolean("onesided", true);
  if (node.failed() || dims.empty())
    return node.result(joinParts(node, z));
  if (kind == Transform::RealToHalf)
    std::reverse(dims.begin(), dims.end());
  for (auto [index, dim] : llvm::enumerate(dims)) {
    bool isReal = kind == Transform::RealToHalf ? index == 0 && !isWhole
                                                : kind == Transform::HalfToReal && index + 1 == dims.size();
    int64_t size = kind == Transform::HalfToReal && isReal ? node.integer("last_dim_size") : shape[dim];
    z = transform(node, z, readCore(node, isReal ? kind : Transform::Complex, !isForward, dim, size));
  }
  return finish(node, z, kind == Transform::HalfToReal);
}

/// Moves the number of frequency 0 to the middle, or back.
template <bool isInverse> LogicalResult shift(NodeBuilder &node) {
  Value self = node.tensor("self");
  if (node.failed())
    return failure();
  SmallVector<int64_t> dims = node.dimensions("dim", node.rankOf(self));
  if (node.failed())
    return failure();
  for (int64_t dim : dims) {
    int64_t size = node.shapeOf(self)[dim], first = isInverse ? size / 2 : (size + 1) / 2;
    if (size > 1)
      self = node.concat({node.slice(self, dim, first, size - first), node.slice(self, dim, 0, first)}, dim);
  }
  return node.result(self);
}

/// Transforms of windows of a signal [..., length]: [..., frequencies, frames].
LogicalResult shortTime(NodeBuilder &node) {
  Value self = node.tensor("self"), window = node.optionalTensor("window");
  int64_t size = node.integer("n_fft");
  int64_t hop = node.integer("hop_length", size / 4), width = node.integer("win_length", size);
  if (node.failed())
    return failure();
  Shape shape(node.shapeOf(self));
  Type element = node.declaredElement();
  bool isPair = node.boolean("align_to_window", false) || node.isComplexArgument("self") ||
                !node.boolean("return_complex", true) || node.isComplexArgument("window");
  if (isPair || shape.empty() || hop < 1 || width < 1 || width > size || shape.back() < size ||
      (window && node.shapeOf(window) != ArrayRef<int64_t>{width}))
    return node.fail("stft of a signal of shape " + node.describe(shape) + " by windows of " + Twine(width) + " in " +
                     Twine(size) + ", " + Twine(hop) +
                     " apart: expected a real signal that holds a window, and complex results"),
           failure();
  Shape frames(shape), strides = rowMajorStrides(shape);
  frames.back() = (shape.back() - size) / hop + 1;
  frames.push_back(size);
  strides.back() = hop;
  strides.push_back(1);
  Value places = buildPlaces(node, frames, {}, [&](const Body &body, ArrayRef<Value> loops, ValueRange) {
    return linearise(body, loops, strides);
  });
  Value rows = node.cast(gatherRows(node, self, places, 1, frames), element);
  if (!window)
    window = node.fill({width}, element, Scalar::ofInt(1));
  // A window that is shorter than the transform is in its middle.
  int64_t before = (size - width) / 2;
  Value zeros = node.fill({before}, element, Scalar::ofInt(0));
  window = resize(node, node.concat({zeros, node.cast(window, element)}, 0), 0, size);
  rows = combine(node, rows, window, [](const Body &body, Value a, Value b) { return body.mul(a, b); });
  bool isHalf = node.boolean("onesided", true);
  double scale = node.boolean("normalized", false) ? 1 / std::sqrt(double(size)) : 1;
  ComplexParts z =
      transform(node, {rows, Value()},
                {isHalf ? Transform::RealToHalf : Transform::Complex, false, int64_t(shape.size()), size, scale});
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq<int64_t>(0, shape.size() + 1));
  std::swap(permutation[shape.size() - 1], permutation[shape.size()]);
  return node.result(joinParts(node, {node.transpose(z.real, permutation), node.transpose(z.imaginary, permutation)}));
}

} // namespace

void registerFourierOperators(OperatorTable &table) {
  table.addComplex({"aten.fft_fft.default", "aten.fft_fft2.default", "aten.fft_fftn.default"},
                   fourier<Transform::Complex, false>);
  table.addComplex({"aten.fft_ifft.default", "aten.fft_ifft2.default", "aten.fft_ifftn.default"},
                   fourier<Transform::Complex, true>);
  table.addComplex({"aten.fft_rfft.default", "aten.fft_rfft2.default", "aten.fft_rfftn.default"},
                   fourier<Transform::RealToHalf, false>);
  table.addComplex({"aten.fft_irfft.default", "aten.fft_irfft2.default", "aten.fft_irfftn.default"},
                   fourier<Transform::HalfToReal, true>);
  table.addComplex({"aten.fft_hfft.default", "aten.fft_hfft2.default", "aten.fft_hfftn.default"},
                   fourier<Transform::HalfToReal, false>);
  // Of real numbers nothing is complex here.
  table.add({"aten.fft_irfft.default", "aten.fft_irfft2.default", "aten.fft_irfftn.default"},
            fourier<Transform::HalfToReal, true>);
  table.add({"aten.fft_hfft.default", "aten.fft_hfft2.default", "aten.fft_hfftn.default"},
            fourier<Transform::HalfToReal, false>);
  table.addComplex({"aten.fft_ihfft.default", "aten.fft_ihfft2.default", "aten.fft_ihfftn.default"},
                   fourier<Transform::RealToHalf, true>);
  table.addComplex("aten._fft_c2c.default", coreFourier<Transform::Complex>);
  table.addComplex("aten._fft_r2c.default", coreFourier<Transform::RealToHalf>);
  table.addComplex("aten._fft_c2r.default", coreFourier<Transform::HalfToReal>);
  table.addComplex("aten.stft.default", shortTime);
  table.add("aten.fft_fftshift.default", shift<false>);
  table.add("aten.fft_ifftshift.default", shift<true>);
  table.addComplex({"aten.fft_fftshift.default", "aten.fft_ifftshift.default"}, linearInParts);
}

} // namespace raddle::import

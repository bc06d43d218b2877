#include "ElementwiseOps.h"
#include "SpecialFunctions.h"
#include <cmath>

using namespace mlir;

namespace raddle::import {

namespace {

using Compare = Body::Compare;

Value erf(const Body &body, Value x) { return body.make<math::ErfOp>(x); }
Value erfc(const Body &body, Value x) { return body.make<math::ErfcOp>(x); }
/// −x log x, 0 at 0, −∞ below.
Value entropy(const Body &body, Value x) {
  Value positive = body.compare(Compare::Greater, x, 0);
  Value inside = body.select(positive, x, body.constant(x.getType(), 1));
  Value outside = body.select(body.compare(Compare::Less, x, 0), -INFINITY, body.mul(x, 0));
  return body.select(positive, body.neg(body.mul(x, body.log(inside))), outside);
}
Value besselI0(const Body &body, Value x) { return body.mul(special::scaledBesselI0(body, x), body.exp(body.abs(x))); }
Value besselI1(const Body &body, Value x) { return body.mul(special::scaledBesselI1(body, x), body.exp(body.abs(x))); }

/// x times the function of y, 0 where x is 0 unless y is NaN. Where y has no finite logarithm it must not be seen.
template <typename LogOp> Value productWithLog(const Body &body, Value x, Value y, double lowest) {
  Value outside = body.either(body.compare(Compare::LessEqual, y, lowest), body.compare(Compare::Equal, y, INFINITY));
  Value masked = body.both(body.compare(Compare::Equal, x, 0), outside);
  Value inside = body.select(masked, lowest + 1, y);
  return body.mul(x, body.make<LogOp>(inside));
}
Value xlogy(const Body &body, Value x, Value y) { return productWithLog<math::LogOp>(body, x, y, 0); }
Value xlog1py(const Body &body, Value x, Value y) { return productWithLog<math::Log1pOp>(body, x, y, -1); }

/// (−1)^(n+1) n! ζ(n + 1, x), the n-th derivative of digamma.
LogicalResult polygamma(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t order = node.integer("n");
  if (node.failed())
    return failure();
  if (order < 0)
    return node.fail("polygamma of order " + Twine(order) + ", expected 0 or above"), failure();
  Type type = node.realType({self});
  return node.result(applyFn(node, {self}, node.builder.getF64Type(), type, [&](const Body &body, ValueRange elements) {
    if (order == 0)
      return special::digamma(body, elements[0]);
    Value exponent = body.constant(elements[0].getType(), double(order) + 1);
    double factor = (order % 2 ? 1 : -1) * std::tgamma(double(order) + 1);
    return body.mul(special::zeta(body, exponent, elements[0]), factor);
  }));
}

/// log Γ_p(x) = p (p − 1)/4 log π + Σ log Γ(x − j/2) over j < p.
LogicalResult multivariateLogGamma(NodeBuilder &node) {
  Value self = node.tensor("self");
  int64_t order = node.integer("p");
  constexpr int64_t kGreatest = 1024;
  if (!node.failed() && (order < 1 || order > kGreatest))
    node.fail("mvlgamma with p=" + Twine(order) + ", expected 1 to " + Twine(kGreatest));
  Type type = node.realType({self});
  return node.result(applyFn(node, {self}, node.builder.getF64Type(), type, [&](const Body &body, ValueRange elements) {
    Value sum = body.constant(elements[0].getType(), double(order * (order - 1)) / 4 * std::log(M_PI));
    for (int64_t j = 0; j < order; ++j)
      sum = body.add(sum, special::logGamma(body, body.sub(elements[0], double(j) / 2)));
    return sum;
  }));
}

} // namespace

void registerSpecialOperators(OperatorTable &table) {
  table.add({"aten.erf.default", "aten.special_erf.default"}, realUnary<erf>);
  table.add({"aten.erfc.default", "aten.special_erfc.default"}, realUnary<erfc>);
  table.add("aten.special_erfcx.default", wideUnary<special::scaledErfc>);
  table.add({"aten.erfinv.default", "aten.special_erfinv.default"}, wideUnary<special::inverseErf>);
  table.add("aten.special_ndtr.default", wideUnary<special::normalIntegral>);
  table.add("aten.special_log_ndtr.default", wideUnary<special::logNormalIntegral>);
  table.add("aten.special_ndtri.default", wideUnary<special::inverseNormalIntegral>);
  table.add({"aten.lgamma.default", "aten.special_gammaln.default"}, wideUnary<special::logGamma>);
  table.add({"aten.digamma.default", "aten.special_digamma.default", "aten.special_psi.default"},
            wideUnary<special::digamma>);
  table.add({"aten.polygamma.default", "aten.special_polygamma.default"}, polygamma);
  table.add({"aten.mvlgamma.default", "aten.special_multigammaln.default"}, multivariateLogGamma);
  table.add({"aten.special_zeta.default", "aten.special_zeta.other_scalar", "aten.special_zeta.self_scalar"},
            wideBinary<special::zeta>);
  table.add({"aten.i0.default", "aten.special_i0.default"}, wideUnary<besselI0>);
  table.add("aten.special_i0e.default", wideUnary<special::scaledBesselI0>);
  table.add("aten.special_i1.default", wideUnary<besselI1>);
  table.add("aten.special_i1e.default", wideUnary<special::scaledBesselI1>);
  table.add("aten.special_entr.default", realUnary<entropy>);
  table.add({"aten.xlogy.Tensor", "aten.xlogy.Scalar_Self", "aten.xlogy.Scalar_Other", "aten.special_xlogy.default",
             "aten.special_xlogy.self_scalar", "aten.special_xlogy.other_scalar"},
            realBinary<xlogy>);
  table.add({"aten.special_xlog1py.default", "aten.special_xlog1py.self_scalar", "aten.special_xlog1py.other_scalar"},
            realBinary<xlog1py>);
}

} // namespace raddle::import

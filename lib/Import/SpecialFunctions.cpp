#include "SpecialFunctions.h"
#include <cmath>

using namespace mlir;

namespace raddle::import::special {

using Compare = Body::Compare;

/// Where the asymptotic series below have f64's precision, and how many of their terms that takes.
constexpr int kShift = 10, kBernoulliTerms = 8;

/// Bernoulli's number B(2k) by ζ(2k): (−1)^(k+1) 2 (2k)! ζ(2k) / (2π)^(2k).
static double bernoulli(int k) {
  double sum = 0;
  constexpr int kTerms = 2000;
  for (int n = kTerms; n >= 1; --n)
    sum += std::pow(n, -2.0 * k);
  // What the sum lacks, for k = 1 above all.
  sum += std::pow(kTerms, 1 - 2.0 * k) / (2.0 * k - 1) - std::pow(kTerms, -2.0 * k) / 2 +
         2.0 * k * std::pow(kTerms, -2.0 * k - 1) / 12;
  return (k % 2 ? 2 : -2) * std::tgamma(2.0 * k + 1) * sum / std::pow(2 * M_PI, 2.0 * k);
}

/// Σ coefficients[k] x^k.
static Value polynomial(const Body &body, Value x, ArrayRef<double> coefficients) {
  Value result = body.constant(x.getType(), coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    result = body.add(body.mul(result, x), coefficient);
  return result;
}

/// sin(πx) without the error of a large angle.
static Value sinPi(const Body &body, Value x) {
  Value nearest = body.make<math::RoundEvenOp>(x);
  Value half = body.mul(nearest, 0.5);
  Value isOdd = body.compare(Compare::NotEqual, half, body.make<math::FloorOp>(half));
  Value sine = body.make<math::SinOp>(body.mul(body.sub(x, nearest), M_PI));
  return body.select(isOdd, body.neg(sine), sine);
}

/// Of x > 0.
static Value logGammaOfPositive(const Body &body, Value x) {
  Value small = body.compare(Compare::Less, x, kShift);
  Value z = body.select(small, body.add(x, kShift), x);
  SmallVector<double> series;
  for (int k = 1; k <= kBernoulliTerms; ++k)
    series.push_back(bernoulli(k) / (2.0 * k * (2.0 * k - 1)));
  Value inverse = body.div(body.constant(z.getType(), 1), z);
  Value tail = body.mul(inverse, polynomial(body, body.mul(inverse, inverse), series));
  Value main = body.sub(body.mul(body.sub(z, 0.5), body.log(z)), z);
  Value result = body.add(body.add(main, std::log(2 * M_PI) / 2), tail);
  // Γ(x + n) = x (x + 1) … (x + n − 1) Γ(x)
  Value safe = body.select(small, x, body.constant(x.getType(), 1));
  Value product = safe;
  for (int k = 1; k < kShift; ++k)
    product = body.mul(product, body.add(safe, k));
  return body.select(small, body.sub(result, body.log(product)), result);
}

Value logGamma(const Body &body, Value x) {
  // log Γ(∞) is ∞, where the series would be ∞ − ∞.
  Value isInfinite = body.compare(Compare::Equal, body.abs(x), INFINITY);
  x = body.select(isInfinite, 1, x);
  Value reflected = body.compare(Compare::LessEqual, x, 0);
  Value inside = body.select(reflected, body.sub(body.constant(x.getType(), 1), x), x);
  Value direct = logGammaOfPositive(body, inside);
  // Γ(x) Γ(1 − x) = π / sin(πx)
  Value sine = body.abs(sinPi(body, body.select(reflected, x, body.constant(x.getType(), 0.5))));
  Value other = body.sub(body.sub(body.constant(x.getType(), std::log(M_PI)), body.log(sine)), direct);
  return body.select(isInfinite, INFINITY, body.select(reflected, other, direct));
}

static Value digammaOfPositive(const Body &body, Value x) {
  Value small = body.compare(Compare::Less, x, kShift);
  Value z = body.select(small, body.add(x, kShift), x);
  SmallVector<double> series;
  for (int k = 1; k <= kBernoulliTerms; ++k)
    series.push_back(bernoulli(k) / (2.0 * k));
  Value one = body.constant(z.getType(), 1);
  Value inverse = body.div(one, z), squared = body.mul(inverse, inverse);
  Value tail = body.mul(squared, polynomial(body, squared, series));
  Value result = body.sub(body.sub(body.log(z), body.mul(inverse, 0.5)), tail);
  // ψ(x + 1) = ψ(x) + 1/x
  Value safe = body.select(small, x, one), sum = body.div(one, safe);
  for (int k = 1; k < kShift; ++k)
    sum = body.add(sum, body.div(one, body.add(safe, k)));
  return body.select(small, body.sub(result, sum), result);
}

Value digamma(const Body &body, Value x) {
  Value reflected = body.compare(Compare::Less, x, 0);
  Value inside = body.select(reflected, body.sub(body.constant(x.getType(), 1), x), x);
  Value direct = digammaOfPositive(body, inside);
  // ψ(1 − x) − ψ(x) = π / tan(πx)
  Value angle = body.select(reflected, x, body.constant(x.getType(), 0.5));
  Value fraction = body.sub(angle, body.make<math::TruncOp>(angle));
  Value cotangent = body.div(body.constant(x.getType(), M_PI), body.make<math::TanOp>(body.mul(fraction, M_PI)));
  Value result = body.select(reflected, body.sub(direct, cotangent), direct);
  // Poles: −∞ beside 0 on the side of its sign, and no value at the negative integers.
  Value isPole = body.both(reflected, body.compare(Compare::Equal, fraction, 0));
  result = body.select(isPole, NAN, result);
  Value isZero = body.compare(Compare::Equal, x, 0);
  Value infinite = body.make<math::CopySignOp>(body.constant(x.getType(), INFINITY), x);
  return body.select(isZero, body.neg(infinite), result);
}

Value zeta(const Body &body, Value s, Value q) {
  Type type = q.getType();
  auto power = [&](Value base) -> Value { return body.make<math::PowFOp>(base, body.neg(s)); };
  Value sum = power(q);
  for (int k = 1; k < kShift; ++k)
    sum = body.add(sum, power(body.add(q, k)));
  Value z = body.add(q, kShift), last = power(z);
  sum = body.add(sum, body.div(body.mul(last, z), body.sub(s, 1)));
  sum = body.add(sum, body.mul(last, 0.5));
  // Σ B(2k) / (2k)! · s (s + 1) … (s + 2k − 2) z^(−s − 2k + 1)
  Value inverse = body.div(body.constant(type, 1), z), term = body.mul(body.mul(last, inverse), s);
  for (int k = 1; k <= kBernoulliTerms; ++k) {
    sum = body.add(sum, body.mul(term, bernoulli(k) / std::tgamma(2.0 * k + 1)));
    term = body.mul(term, body.mul(body.mul(body.add(s, 2 * k - 1), body.add(s, 2 * k)), body.mul(inverse, inverse)));
  }
  return sum;
}

Value scaledErfc(const Body &body, Value x) {
  // erfc is 0 in f64 soon above this bound; the series' terms shrink by x² there.
  constexpr double kBound = 25;
  Value large = body.compare(Compare::Greater, x, kBound);
  Value near = body.select(large, 0, x);
  Value direct = body.mul(body.exp(body.mul(near, near)), body.make<math::ErfcOp>(near));
  // 1 / (x√π) · (1 − 1/(2x²) + 3/(2x²)² − 15/(2x²)³ …)
  Value far = body.select(large, x, body.constant(x.getType(), kBound));
  Value inverse = body.div(body.constant(x.getType(), 1), far);
  Value series = polynomial(body, body.mul(body.mul(inverse, inverse), 0.5), {1, -1, 3, -15, 105});
  return body.select(large, body.mul(body.mul(inverse, M_2_SQRTPI / 2), series), direct);
}

Value inverseErf(const Body &body, Value x) {
  // Winitzki: sqrt(sqrt(t² − l/a) − t) with l = log(1 − x²), t = 2/(πa) + l/2.
  constexpr double kWinitzki = 0.147;
  Type type = x.getType();
  Value size = body.abs(x);
  Value inside = body.compare(Compare::Less, size, 1);
  Value safe = body.select(inside, x, body.constant(type, 0));
  Value log = body.make<math::Log1pOp>(body.neg(body.mul(safe, safe)));
  Value t = body.add(body.mul(log, 0.5), 2 / (M_PI * kWinitzki));
  Value radicand = body.sub(body.sqrt(body.sub(body.mul(t, t), body.div(log, kWinitzki))), t);
  // Above 0, so that the root has a derivative.
  constexpr double kTiny = 1e-300;
  Value sign = body.make<math::CopySignOp>(body.constant(type, 1), safe);
  Value result = body.mul(body.sqrt(body.max(radicand, body.constant(type, kTiny))), sign);
  constexpr int kSteps = 4;
  for (int step = 0; step < kSteps; ++step) {
    // |erf(y)| − |x| as (1 − |x|) − erfc(|y|), which keeps the digits near 1.
    Value rest = body.sub(body.constant(type, 1), body.mul(safe, sign));
    Value gap = body.sub(rest, body.make<math::ErfcOp>(body.mul(result, sign)));
    Value slope = body.mul(body.exp(body.neg(body.mul(result, result))), M_2_SQRTPI);
    result = body.sub(result, body.mul(body.div(gap, slope), sign));
  }
  Value limit = body.make<math::CopySignOp>(body.constant(type, INFINITY), x);
  Value outside = body.select(body.compare(Compare::Equal, size, 1), limit, body.constant(type, NAN));
  return body.select(inside, result, outside);
}

Value normalIntegral(const Body &body, Value x) {
  return body.mul(body.make<math::ErfcOp>(body.mul(x, -M_SQRT1_2)), 0.5);
}

Value logNormalIntegral(const Body &body, Value x) {
  Value low = body.compare(Compare::Less, x, -1);
  Value left = body.select(low, x, body.constant(x.getType(), -1));
  Value right = body.select(low, -1, x);
  Value tail = body.sub(body.log(body.mul(scaledErfc(body, body.mul(left, -M_SQRT1_2)), 0.5)),
                        body.mul(body.mul(left, left), 0.5));
  Value main = body.make<math::Log1pOp>(body.mul(body.make<math::ErfcOp>(body.mul(right, M_SQRT1_2)), -0.5));
  return body.select(low, tail, main);
}

Value inverseNormalIntegral(const Body &body, Value x) {
  return body.mul(inverseErf(body, body.sub(body.mul(x, 2), 1)), M_SQRT2);
}

/// I(order, x) exp(−|x|) for order 0 and 1: its power series up to a bound, above it the asymptotic one
/// 1/√(2πx) · Σ (−1)^k (m − 1)(m − 9)…(m − (2k − 1)²) / (k! (8x)^k) with m = 4 order².
static Value scaledBessel(const Body &body, Value x, int order) {
  constexpr double kBound = 20;
  constexpr int kPowers = 60, kInverses = 20;
  Value size = body.abs(x);
  Value large = body.compare(Compare::Greater, size, kBound);
  Value near = body.select(large, 0, x), far = body.select(large, size, body.constant(x.getType(), kBound));
  SmallVector<double> powers, inverses;
  double power = 1, inverse = 1;
  for (int k = 0; k < kPowers; ++k) {
    powers.push_back(power);
    power /= (k + 1.0) * (k + 1.0 + order);
  }
  for (int k = 0; k < kInverses; ++k) {
    inverses.push_back(inverse);
    inverse *= -(4.0 * order * order - (2 * k + 1.0) * (2 * k + 1.0)) / (k + 1.0);
  }
  Value half = body.mul(near, 0.5);
  Value series = polynomial(body, body.mul(half, half), powers);
  series = body.mul(order == 0 ? series : body.mul(half, series), body.exp(body.neg(body.abs(near))));
  Value small = body.div(body.constant(x.getType(), 1.0 / 8), far);
  Value tail = body.div(polynomial(body, small, inverses), body.sqrt(body.mul(far, 2 * M_PI)));
  if (order == 1)
    tail = body.make<math::CopySignOp>(tail, x);
  return body.select(large, tail, series);
}

Value scaledBesselI0(const Body &body, Value x) { return scaledBessel(body, x, 0); }
Value scaledBesselI1(const Body &body, Value x) { return scaledBessel(body, x, 1); }

} // namespace raddle::import::special

#ifndef RADDLE_LIB_IMPORT_SPECIALFUNCTIONS_H
#define RADDLE_LIB_IMPORT_SPECIALFUNCTIONS_H

#include "Body.h"

// Functions that no library on every machine has, from arithmetic that the general rules differentiate. All take and
// give f64, whose digits the sums need.
namespace raddle::import::special {

/// log |Γ(x)|, by Stirling's series above a bound, recurrence below it and reflection left of 0.
mlir::Value logGamma(const Body &body, mlir::Value x);
/// Its derivative.
mlir::Value digamma(const Body &body, mlir::Value x);
/// Hurwitz's Σ (q + k)^−s over k ≥ 0, by Euler and Maclaurin.
mlir::Value zeta(const Body &body, mlir::Value s, mlir::Value q);

/// exp(x²) erfc(x).
mlir::Value scaledErfc(const Body &body, mlir::Value x);
/// The inverse of erf, by Newton's method from Winitzki's approximation.
mlir::Value inverseErf(const Body &body, mlir::Value x);
/// The normal distribution's integral, its logarithm and its inverse.
mlir::Value normalIntegral(const Body &body, mlir::Value x);
mlir::Value logNormalIntegral(const Body &body, mlir::Value x);
mlir::Value inverseNormalIntegral(const Body &body, mlir::Value x);

/// The modified Bessel functions I0 and I1 times exp(−|x|).
mlir::Value scaledBesselI0(const Body &body, mlir::Value x);
mlir::Value scaledBesselI1(const Body &body, mlir::Value x);

} // namespace raddle::import::special

#endif // RADDLE_LIB_IMPORT_SPECIALFUNCTIONS_H

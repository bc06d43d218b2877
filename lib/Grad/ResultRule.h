// How the results of a structured op come from their accumulators, which decides their gradient.
#ifndef RADDLE_LIB_GRAD_RESULTRULE_H
#define RADDLE_LIB_GRAD_RESULTRULE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace raddle {

/// How a result comes from its accumulator.
enum class ResultKind { Parallel, Sum, Product, Extremum };

struct ResultRule {
  ResultKind kind = ResultKind::Parallel;
  /// The value in the body that the accumulator is combined with; the yielded value of a parallel result.
  mlir::Value inner;
  /// Extremum: the result that holds the index of what was found, and the loop that it counts; -1: none.
  int indexResult = -1;
  int64_t indexLoop = -1;
};

/// Finds a rule for each result of `op`; those without a gradient in `resultGrads` (null) are not looked into. On
/// failure `why` says what stands in the way.
llvm::LogicalResult classifyResults(mlir::linalg::LinalgOp op, mlir::ValueRange resultGrads,
                                    llvm::SmallVectorImpl<ResultRule> &rules, std::string &why);

} // namespace raddle

#endif // RADDLE_LIB_GRAD_RESULTRULE_H

// import-adopt: a module on tensors from another front end.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Passes.h"

namespace raddle {
#define GEN_PASS_DEF_IMPORTADOPT
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct ImportAdoptPass : raddle::impl::ImportAdoptBase<ImportAdoptPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(run()))
      signalPassFailure();
  }

  LogicalResult run() {
    import::AdoptOptions options;
    if (batch)
      options.batch = batch;
    options.ranks = ranks;
    options.paramArguments.assign(paramArguments.begin(), paramArguments.end());
    options.paramConstants = paramConstants;
    if (ranks < 1 || batch < 0)
      return getOperation().emitError("expects at least one rank and no negative batch, is ")
             << int64_t(ranks) << " and " << int64_t(batch);
    func::FuncOp model = import::findModel(getOperation());
    if (!model || failed(import::inlineGlobals(getOperation())) || failed(import::checkOps(model)) ||
        failed(import::adoptSignature(model, options)) || failed(import::makeStatic(model, options)))
      return failure();
    import::raiseWindows(model);
    if (failed(import::adoptBodies(model)) || failed(import::normaliseOps(model)))
      return failure();
    import::narrowIslands(model);
    return success();
  }
};

} // namespace

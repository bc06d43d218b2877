// ragged-verify: what stage 5 guarantees.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Passes.h"
#include "llvm/ADT/StringMap.h"

namespace raddle {
#define GEN_PASS_DEF_RAGGEDVERIFY
#include "raddle/Passes.h.inc"
} // namespace raddle

using namespace mlir;
using namespace raddle;

namespace {

struct RaggedVerifyPass : raddle::impl::RaggedVerifyBase<RaggedVerifyPass> {
  void runOnOperation() override {
    if (!getOperation()->getAttrOfType<IntegerAttr>("ragged.ranks")) {
      getOperation().emitError("expects the number of ranks as attribute 'ragged.ranks'");
      return signalPassFailure();
    }
    std::optional<ragged::Mesh> mesh = ragged::verifyMesh(getOperation());
    if (!mesh)
      signalPassFailure();
    symbols.emplace(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (mesh)
        for (auto op : function.getBody().getOps<ragged::AllReduceOp>())
          checkRanks(op, *mesh);
      checkStates(function);
    }
  }

private:
  void checkRanks(ragged::AllReduceOp op, const ragged::Mesh &mesh) {
    int64_t expected = op.getGroup() == ragged::Group::All      ? mesh.ranks
                       : op.getGroup() == ragged::Group::Shards ? mesh.shards
                                                                : mesh.replicas();
    if (static_cast<int64_t>(op.getRanks()) == expected)
      return;
    op->emitOpError("expects ") << expected << " ranks, as the module has, is " << static_cast<int64_t>(op.getRanks());
    signalPassFailure();
  }

  void checkStates(func::FuncOp function) {
    llvm::StringMap<Type> states;
    for (unsigned index = 0; index < function.getNumArguments(); ++index) {
      for (StringRef whole : {"nn.param", "nn.state"})
        if (auto name = function.getArgAttrOfType<StringAttr>(index, whole)) {
          function.emitError("takes '") << name.getValue() << "' whole: expects a slice of a bucket";
          signalPassFailure();
        }
      auto name = function.getArgAttrOfType<StringAttr>(index, "ragged.state");
      if (!name)
        continue;
      states[name.getValue()] = function.getArgumentTypes()[index];
      checkSlice(function, index, name.getValue());
    }
    for (unsigned index = 0; index < function.getNumResults(); ++index) {
      auto name = function.getResultAttrOfType<StringAttr>(index, "ragged.alias");
      if (!name || states.lookup(name.getValue()) == function.getResultTypes()[index])
        continue;
      function.emitError("result ") << index << " replaces state '" << name.getValue()
                                    << "', of which there is no argument of type " << function.getResultTypes()[index];
      signalPassFailure();
    }
  }

  void checkSlice(func::FuncOp function, unsigned index, StringRef name) {
    auto symbol = function.getArgAttrOfType<FlatSymbolRefAttr>(index, "ragged.bucket");
    auto bucket = symbol ? symbols->lookup<ragged::BucketOp>(symbol.getValue()) : ragged::BucketOp();
    Type type = function.getArgumentTypes()[index];
    if (bucket && type == RankedTensorType::get({static_cast<int64_t>(bucket.getShard())}, bucket.getElementType()))
      return;
    InFlightDiagnostic error = function.emitError("state '") << name << "' of type " << type;
    bucket ? error << " is no slice of bucket '" << bucket.getSymName() << "'" : error << " names no bucket";
    signalPassFailure();
  }

  std::optional<SymbolTable> symbols;
};

} // namespace

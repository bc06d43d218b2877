#include "mlir/Dialect/Shard/IR/ShardDialect.h"
#include "raddle/Dialect/Exec/IR/ExecOps.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"
#include "raddle/Grad/TensorRules.h"
#include "raddle/Import/ForeignDialects.h"
#include "raddle/Passes.h"

void raddle::registerDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<nn::NNDialect, moe::MoEDialect, ragged::RaggedDialect, exec::ExecDialect, mlir::shard::ShardDialect>();
  registerForeignDialects(registry);
  registerTensorGradients(registry);
}

// The ranks of a module: its grid, its attributes and its buckets agree.
#include "mlir/Dialect/Shard/IR/ShardOps.h"
#include "raddle/Dialect/Ragged/IR/RaggedOps.h"

using namespace mlir;
using namespace raddle::ragged;

LogicalResult RaggedDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() == kMeshAttr) {
    if (isa<FlatSymbolRefAttr>(attribute.getValue()))
      return success();
    return op->emitError("attribute '") << kMeshAttr << "' must name a 'shard.grid', is " << attribute.getValue();
  }
  if (attribute.getName() != kRanksAttr)
    return success();
  auto ranks = dyn_cast<IntegerAttr>(attribute.getValue());
  if (ranks && ranks.getType().isSignlessInteger(64))
    return success();
  return op->emitError("attribute '") << kRanksAttr << "' must be an integer of 64 bits, is " << attribute.getValue();
}

/// The grid that the module names, or else its only one; null where there is none.
static FailureOr<shard::GridOp> findGrid(ModuleOp module) {
  if (auto name = module->getAttrOfType<FlatSymbolRefAttr>(kMeshAttr)) {
    if (auto grid = module.lookupSymbol<shard::GridOp>(name))
      return grid;
    return module.emitError("attribute '") << kMeshAttr << "' expects a 'shard.grid', " << name << " is none";
  }
  auto grids = module.getOps<shard::GridOp>();
  if (grids.empty())
    return shard::GridOp();
  if (std::next(grids.begin()) == grids.end())
    return *grids.begin();
  InFlightDiagnostic error = module.emitError("has several grids, expects '") << kMeshAttr << "' to name one of: ";
  llvm::interleaveComma(grids, error, [&](shard::GridOp grid) { error << "'" << grid.getSymName() << "'"; });
  return error;
}

FailureOr<std::optional<Mesh>> raddle::ragged::meshOfGrid(ModuleOp module) {
  FailureOr<shard::GridOp> grid = findGrid(module);
  if (failed(grid))
    return failure();
  if (!*grid)
    return std::optional<Mesh>();
  ArrayRef<int64_t> shape = grid->getShape();
  int64_t shards = shape.empty() ? 0 : shape.back(), replicas = shape.size() < 2 ? 1 : shape.front(), ranks;
  if (shape.empty() || shape.size() > 2 || shards < 1 || replicas < 1 || llvm::MulOverflow(shards, replicas, ranks)) {
    InFlightDiagnostic error = grid->emitError("grid '")
                               << grid->getSymName() << "' expects a shape of replicas x shards, or of shards, is ";
    llvm::interleave(
        shape, error, [&](int64_t size) { ShapedType::isDynamic(size) ? error << "?" : error << size; }, "x");
    return error;
  }
  return std::optional(Mesh{ranks, shards});
}

/// What the module's attribute and its buckets say.
static FailureOr<Mesh> meshOfBuckets(ModuleOp module) {
  auto attribute = module->getAttrOfType<IntegerAttr>(kRanksAttr);
  auto buckets = module.getOps<BucketOp>();
  int64_t shards = buckets.empty() ? 1 : static_cast<int64_t>((*buckets.begin()).getRanks());
  int64_t ranks = attribute ? attribute.getInt() : shards;
  if (buckets.empty())
    return Mesh{ranks, ranks};
  if (ranks < 1 || ranks % shards != 0)
    return (*buckets.begin()).emitError("is cut over ")
           << shards << " ranks, expects a divisor of the " << ranks << " that the module has";
  return Mesh{ranks, shards};
}

std::optional<Mesh> raddle::ragged::verifyMesh(ModuleOp module) {
  FailureOr<std::optional<Mesh>> grid = meshOfGrid(module);
  if (failed(grid))
    return std::nullopt;
  bool agree = true;
  auto attribute = module->getAttrOfType<IntegerAttr>(kRanksAttr);
  if (*grid && attribute && attribute.getInt() != (*grid)->ranks) {
    module.emitError("has '") << kRanksAttr << "' of " << attribute.getInt() << ", expects the " << (*grid)->ranks
                              << " of its grid";
    agree = false;
  }
  FailureOr<Mesh> mesh = *grid ? FailureOr<Mesh>(**grid) : meshOfBuckets(module);
  if (failed(mesh))
    return std::nullopt;
  BucketOp first;
  for (auto bucket : module.getOps<BucketOp>()) {
    first = first ? first : bucket;
    if (static_cast<int64_t>(bucket.getRanks()) == mesh->shards)
      continue;
    InFlightDiagnostic error = bucket.emitError("is cut over ")
                               << bucket.getRanks() << " ranks, expects " << mesh->shards << ", as ";
    *grid ? error << "the last axis of the module's grid" : error << "bucket '" << first.getSymName() << "'";
    agree = false;
  }
  return agree ? std::optional(*mesh) : std::nullopt;
}

void raddle::ragged::setMesh(ModuleOp module, const Mesh &mesh) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  module->setAttr(kRanksAttr, builder.getI64IntegerAttr(mesh.ranks));
  FailureOr<shard::GridOp> grid = findGrid(module);
  assert(succeeded(grid) && "meshOfGrid reports this");
  if (!*grid) {
    std::string name = "mesh";
    while (module.lookupSymbol(name))
      name += "_";
    *grid = shard::GridOp::create(builder, module.getLoc(), name, ArrayRef{mesh.replicas(), mesh.shards});
  }
  module->setAttr(kMeshAttr, FlatSymbolRefAttr::get(grid->getSymNameAttr()));
}

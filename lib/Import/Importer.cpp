#include "Arguments.h"
#include "ComplexOps.h"
#include "Document.h"
#include "Operators.h"
#include "WeightSources.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "raddle/Dialect/MoE/IR/MoEOps.h"
#include "raddle/Dialect/NN/IR/NNOps.h"
#include "raddle/Import/Import.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace raddle {

using namespace import;

namespace {

/// One error for all operators that cannot be imported.
LogicalResult checkOperators(MLIRContext *context, Location loc, const Program &program, const OperatorTable &table) {
  std::vector<OperatorUse> uses = findOperatorUses(context, program, table);
  llvm::erase_if(uses, [](const OperatorUse &use) { return use.isSupported; });
  if (uses.empty())
    return success();
  InFlightDiagnostic error = emitError(loc);
  error << uses.size() << (uses.size() == 1 ? " operator is" : " operators are") << " not supported:";
  for (const OperatorUse &use : uses)
    error << "\n  " << use.name << (use.reason.empty() ? "" : " ") << use.reason << ", " << use.count
          << (use.count == 1 ? " use" : " uses, the first") << " at "
          << (use.line.empty() ? "a place that the file does not name" : use.line);
  // In-place operators end in an underscore before the overload's name.
  if (llvm::any_of(uses, [](const OperatorUse &use) { return StringRef(use.name).contains("_."); }))
    error << "\nin-place operators go away with run_decompositions({}) on the exported program before it is saved";
  return failure();
}

class Importer {
public:
  Importer(MLIRContext *context, Location loc, const Document &document, const Archive &archive,
           const ImportOptions &options)
      : context(context), loc(loc), program(document.program), weights(document.weights), archive(archive),
        options(options), builder(context), state{program, symbols, batch, operators, {}} {}

  OwningOpRef<ModuleOp> run(StringRef path);

private:
  LogicalResult checkOutputs();
  LogicalResult buildFunction(ModuleOp module, const ArgumentPlan &plan);
  LogicalResult addUpdates(func::FuncOp function, SmallVectorImpl<Value> &results,
                           SmallVectorImpl<Attribute> &attributes);
  LogicalResult buildReturn(func::FuncOp function);
  std::nullptr_t fail(llvm::Error error) {
    emitError(loc) << llvm::toString(std::move(error));
    return nullptr;
  }

  MLIRContext *context;
  Location loc;
  const Program &program;
  const WeightTable &weights;
  const Archive &archive;
  const ImportOptions &options;
  OpBuilder builder;
  Symbols symbols;
  Batch batch;
  OperatorTable operators;
  GraphState state;
};

/// The results are tensors that the caller gets, or next values of buffers.
LogicalResult Importer::checkOutputs() {
  SmallVector<std::string> mutated;
  for (const OutputSpec &spec : program.outputs)
    if (spec.kind != OutputSpec::Kind::User && spec.kind != OutputSpec::Kind::Buffer)
      mutated.push_back(("'" + spec.name + "'").str());
  if (mutated.empty())
    return success();
  return emitError(loc) << "the model changes its own parameters or inputs, which is not supported: "
                        << llvm::join(mutated, ", ");
}

LogicalResult Importer::buildFunction(ModuleOp module, const ArgumentPlan &plan) {
  SmallVector<Type> types;
  SmallVector<Location> locations;
  for (const PlannedArgument &argument : plan.arguments) {
    if (argument.constant)
      continue;
    types.push_back(argument.type);
    locations.push_back(NameLoc::get(builder.getStringAttr(argument.placeholders.front())));
  }
  builder.setInsertionPointToEnd(module.getBody());
  auto function = func::FuncOp::create(builder, loc, "main", builder.getFunctionType(types, {}));
  Block *body = builder.createBlock(&function.getBody(), {}, types, locations);
  builder.setInsertionPointToStart(body);

  size_t index = 0;
  SmallVector<DictionaryAttr> attributes;
  for (const PlannedArgument &argument : plan.arguments) {
    Value value;
    if (argument.constant) {
      auto name = NameLoc::get(builder.getStringAttr(argument.placeholders.front()));
      value = arith::ConstantOp::create(builder, name, argument.constant);
    } else {
      attributes.push_back(argument.attributes.getDictionary(context));
      value = body->getArgument(index++);
    }
    if (argument.isByte)
      value = TensorBuilder(builder, value.getLoc()).convertBytes(value, builder.getI16Type());
    for (StringRef placeholder : argument.placeholders)
      if (!state.values.try_emplace(placeholder, value).second)
        return emitError(loc) << "input '" << placeholder << "' is defined twice";
  }
  // All at once: each change makes a new list of all.
  function.setAllArgAttrs(attributes);

  for (const Node &node : program.nodes) {
    bool isOfComplex = touchesComplex(program, node);
    if (Handler handler = isOfComplex ? operators.findComplex(node.target) : operators.find(node.target)) {
      NodeBuilder nodeBuilder(state, node, builder);
      if (failed(handler(nodeBuilder)))
        return failure();
    }
  }
  return buildReturn(function);
}

/// Appends the next values of buffers that the module changes, a result each.
LogicalResult Importer::addUpdates(func::FuncOp function, SmallVectorImpl<Value> &results,
                                   SmallVectorImpl<Attribute> &attributes) {
  llvm::StringMap<unsigned> buffers; // by all their names
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto name = function.getArgAttrOfType<StringAttr>(index, "nn.buffer");
    if (!name)
      continue;
    buffers[name.getValue()] = index;
    if (auto aliases = function.getArgAttrOfType<ArrayAttr>(index, "nn.aliases"))
      for (auto alias : aliases.getAsRange<StringAttr>())
        buffers[alias.getValue()] = index;
  }
  llvm::SmallDenseSet<unsigned> updated;
  for (const OutputSpec &spec : program.outputs) {
    if (spec.kind != OutputSpec::Kind::Buffer)
      continue;
    auto buffer = buffers.find(spec.name);
    auto next = state.values.find(spec.value.text);
    if (buffer == buffers.end() || next == state.values.end())
      return emitError(loc) << "the next value '" << spec.value.text << "' of buffer '" << spec.name
                            << "' or the buffer itself is not defined";
    Value old = function.getArgument(buffer->second);
    if (next->second.getType() != old.getType())
      return emitError(loc) << "buffer '" << spec.name << "' of type " << old.getType() << " becomes one of type "
                            << next->second.getType();
    if (!updated.insert(buffer->second).second)
      return emitError(loc) << "buffer '" << spec.name << "' is changed under two names";
    if (next->second == old)
      continue;
    auto name = function.getArgAttrOfType<StringAttr>(buffer->second, "nn.buffer");
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr("nn.updates", name)));
    results.push_back(next->second);
  }
  return success();
}

LogicalResult Importer::buildReturn(func::FuncOp function) {
  SmallVector<Value> results;
  SmallVector<Attribute> attributes;
  for (const OutputSpec &spec : program.outputs) {
    // Numbers and None are known without running; only tensors are results.
    if (spec.kind != OutputSpec::Kind::User || spec.value.kind != Argument::Kind::Tensor)
      continue;
    auto found = state.values.find(spec.value.text);
    if (found == state.values.end())
      return emitError(loc) << "output '" << spec.value.text << "' is not defined by any node";
    NamedAttrList list;
    list.set("nn.output", builder.getStringAttr("output_" + Twine(results.size())));
    auto meta = program.tensors.find(spec.value.text);
    if (meta != program.tensors.end() && batch.holdsOutput(meta->second))
      list.set("nn.batched", builder.getUnitAttr());
    Value result = found->second;
    if (isByte(state.dtypeOf(spec.value.text))) {
      list.set("nn.unsigned", builder.getUnitAttr());
      result = TensorBuilder(builder, result.getLoc()).convertBytes(result, builder.getI8Type());
    }
    if (isComplex(state.dtypeOf(spec.value.text)))
      list.set("nn.complex", builder.getUnitAttr());
    attributes.push_back(list.getDictionary(context));
    results.push_back(result);
  }
  if (results.empty())
    return emitError(loc) << "the model returns no tensor";
  if (failed(addUpdates(function, results, attributes)))
    return failure();
  func::ReturnOp::create(builder, loc, results);
  // Nodes without readers, and views that were looked through.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  function.setType(builder.getFunctionType(function.getArgumentTypes(), TypeRange(ValueRange(results))));
  function.setAllResultAttrs(attributes);
  return success();
}

OwningOpRef<ModuleOp> Importer::run(StringRef path) {
  if (failed(checkOperators(context, loc, program, operators)) || failed(checkOutputs()))
    return nullptr;
  llvm::Expected<Batch> bound = bindBatch(program, options, symbols);
  if (!bound)
    return fail(bound.takeError());
  batch = std::move(*bound);
  llvm::Expected<ArgumentPlan> plan = planArguments(context, state, weights, archive, batch);
  if (!plan)
    return fail(plan.takeError());
  if (!plan->warnings.empty())
    emitWarning(loc) << "the file has no values, so that zeros are taken, for " << llvm::join(plan->warnings, ", ");

  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc);
  module->getOperation()->setAttr("nn.weights", builder.getStringAttr(path));
  if (batch.perRank)
    module->getOperation()->setAttr("nn.batch", builder.getI64IntegerAttr(*batch.perRank));
  if (failed(buildFunction(*module, *plan)) || failed(verify(*module)))
    return nullptr;
  return module;
}

} // namespace

OwningOpRef<ModuleOp> importPt2(llvm::MemoryBufferRef bytes, const ImportOptions &options, MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect, linalg::LinalgDialect, math::MathDialect, nn::NNDialect,
                       moe::MoEDialect, tensor::TensorDialect>();
  StringRef path = bytes.getBufferIdentifier();
  Location loc = FileLineColLoc::get(context, path, /*line=*/0, /*column=*/0);
  llvm::Expected<Archive> archive = Archive::open(bytes);
  if (!archive)
    return emitError(loc) << llvm::toString(archive.takeError()), nullptr;
  llvm::Expected<Document> document = readDocument(*archive);
  if (!document)
    return emitError(loc) << llvm::toString(document.takeError()), nullptr;
  OwningOpRef<ModuleOp> module = Importer(context, loc, *document, *archive, options).run(path);
  if (module && options.verifyWeights && failed(verifyWeightSources(*module, *archive, path)))
    return nullptr;
  return module;
}

OwningOpRef<ModuleOp> importPt2(StringRef path, const ImportOptions &options, MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return emitError(UnknownLoc::get(context)) << "cannot open '" << path << "': " << buffer.getError().message(),
           nullptr;
  return importPt2((*buffer)->getMemBufferRef(), options, context);
}

} // namespace raddle

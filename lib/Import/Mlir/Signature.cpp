// Arguments and results of a module from outside.
#include "Adopt.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "raddle/Utils/ArgumentAppender.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Regex.h"

using namespace mlir;

namespace raddle::import {
namespace {

class SignatureAdopter {
public:
  SignatureAdopter(func::FuncOp function, const AdoptOptions &options)
      : function(function), options(options), builder(function.getContext()) {}

  LogicalResult run() {
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      arguments.push_back(function.getArgAttrDict(index));
    findBatch();
    if (failed(nameParameters()))
      return failure();
    nameInputs();
    nameResults();
    return liftConstants();
  }

private:
  static bool isDescribed(DictionaryAttr attributes) {
    return attributes && llvm::any_of(attributes, [](NamedAttribute entry) {
             StringRef name = entry.getName();
             return name.starts_with("nn.") || name.starts_with("ragged.");
           });
  }

  LogicalResult nameParameters() {
    size_t count = options.paramArguments.size();
    if (count > arguments.size())
      return function.emitError("expects at least ")
             << count << " arguments, as many as names of parameters are given, has " << arguments.size();
    for (auto [index, name] : llvm::enumerate(options.paramArguments)) {
      auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
      if (!isa<FloatType>(type.getElementType()) || !type.hasStaticShape())
        return function.emitError("parameter '") << name << "' is argument " << index << " of type " << type
                                                 << ", expected a floating-point tensor of static shape";
      arguments[index] = builder.getDictionaryAttr(builder.getNamedAttr("nn.param", builder.getStringAttr(name)));
    }
    return success();
  }

  void nameInputs() {
    for (auto [index, attributes] : llvm::enumerate(arguments)) {
      if (isDescribed(attributes))
        continue;
      NamedAttrList list(attributes);
      auto named = dyn_cast<NameLoc>(function.getArgument(index).getLoc());
      std::string name = named ? named.getName().str() : ("arg" + Twine(index)).str();
      list.set("nn.input", builder.getStringAttr(name));
      if (isBatched(function.getArgumentTypes()[index]))
        list.set("nn.batched", builder.getUnitAttr());
      attributes = list.getDictionary(builder.getContext());
    }
    function.setAllArgAttrs(arguments);
  }

  /// As in an archive: dynamic dimensions 0 are the batch; without any all inputs are a rank's part.
  void findBatch() {
    for (auto [attributes, type] : llvm::zip(arguments, function.getArgumentTypes())) {
      auto tensor = cast<RankedTensorType>(type);
      if (isDescribed(attributes) || tensor.getRank() == 0)
        continue;
      dynamic |= tensor.isDynamicDim(0);
      if (!batch && &attributes - arguments.data() >= int64_t(options.paramArguments.size()))
        batch = tensor.getDimSize(0);
    }
  }

  bool isBatched(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return tensor.getRank() > 0 && (!dynamic || tensor.isDynamicDim(0));
  }

  void nameResults() {
    SmallVector<Attribute> results;
    for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
      DictionaryAttr attributes = function.getResultAttrDict(index);
      NamedAttrList list(attributes);
      if (!isDescribed(attributes)) {
        list.set("nn.output", builder.getStringAttr("output_" + Twine(index)));
        auto tensor = cast<RankedTensorType>(type);
        if (isBatched(type) && (dynamic || (batch && tensor.getDimSize(0) == *batch)))
          list.set("nn.batched", builder.getUnitAttr());
      }
      results.push_back(list.getDictionary(builder.getContext()));
    }
    function.setResAttrsAttr(builder.getArrayAttr(results));
  }

  /// Constants with a key that matches become arguments, which keep their values as what they start with.
  LogicalResult liftConstants() {
    if (options.paramConstants.empty())
      return success();
    llvm::Regex pattern("^(" + options.paramConstants + ")$");
    std::string why;
    if (!pattern.isValid(why))
      return function.emitError("'") << options.paramConstants << "' is no regular expression: " << why;
    SmallVector<arith::ConstantOp> constants;
    llvm::StringSet<> keys;
    for (auto op : function.getBody().front().getOps<arith::ConstantOp>())
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue())) {
        keys.insert(resource.getRawHandle().getKey());
        if (isa<FloatType>(resource.getElementType()) && pattern.match(resource.getRawHandle().getKey()))
          constants.push_back(op);
      }
    if (constants.empty()) {
      InFlightDiagnostic error = function.emitError("no floating-point constant has a key that matches '")
                                 << options.paramConstants << "', there are ";
      SmallVector<StringRef> names(keys.keys());
      llvm::sort(names);
      llvm::interleaveComma(names, error, [&](StringRef name) { error << "'" << name << "'"; });
      if (names.empty())
        error << "none with keys";
      return error;
    }
    lift(constants);
    return success();
  }

  void lift(ArrayRef<arith::ConstantOp> constants) {
    ArgumentAppender appender(function);
    llvm::DenseMap<Attribute, Value> known; // one tensor may be several ops
    for (arith::ConstantOp op : constants) {
      auto resource = cast<DenseResourceElementsAttr>(op.getValue());
      Value &argument = known[resource];
      if (!argument)
        argument = appender.add(op.getType(), describe(resource), op.getLoc());
      op.replaceAllUsesWith(argument);
      op.erase();
    }
    appender.finish();
  }

  DictionaryAttr describe(DenseResourceElementsAttr resource) {
    auto init = builder.getDictionaryAttr(
        {builder.getNamedAttr("kind", builder.getStringAttr("value")), builder.getNamedAttr("value", resource)});
    return builder.getDictionaryAttr(
        {builder.getNamedAttr("nn.param", builder.getStringAttr(resource.getRawHandle().getKey())),
         builder.getNamedAttr("nn.init", init)});
  }

  func::FuncOp function;
  const AdoptOptions &options;
  Builder builder;
  SmallVector<DictionaryAttr> arguments;
  bool dynamic = false;
  std::optional<int64_t> batch;
};

} // namespace

LogicalResult adoptSignature(func::FuncOp function, const AdoptOptions &options) {
  return SignatureAdopter(function, options).run();
}

} // namespace raddle::import

#include "raddle/Import/OperatorCoverage.h"
#include "ComplexOps.h"
#include "Document.h"
#include "NodeBuilder.h"
#include "Operators.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace raddle {

using namespace import;

/// "FILE:LINE" of a node's location.
static std::string lineOf(MLIRContext *context, const Node &node) {
  auto line = dyn_cast<FileLineColLoc>(cast<NameLoc>(locationOf(context, node)).getChildLoc());
  if (!line)
    return std::string();
  return (line.getFilename().getValue() + ":" + Twine(line.getLine())).str();
}

/// The nodes that read a number from a tensor which another tensor needs. Assertions alone do not: they have no result.
static llvm::SmallPtrSet<const Node *, 4> findDataReads(const Program &program) {
  llvm::SmallPtrSet<const Node *, 4> needed;
  llvm::StringMap<const Node *> sources; // of numbers that depend on data, by name
  for (const Node &node : program.nodes) {
    const Node *source = nullptr;
    auto look = [&](const Argument &argument) {
      auto found = argument.text.empty() ? sources.end() : sources.find(argument.text);
      source = found == sources.end() ? source : found->second;
    };
    for (const NamedArgument &input : node.inputs) {
      look(input.value);
      llvm::for_each(input.value.items, look);
    }
    if (node.target.ends_with("aten.item.default") || node.target.ends_with("aten._local_scalar_dense.default"))
      source = &node;
    if (!source)
      continue;
    if (node.isSymbolic())
      for (const Argument &output : node.outputs)
        sources[output.text] = source;
    else
      needed.insert(source);
  }
  return needed;
}

std::vector<OperatorUse> import::findOperatorUses(MLIRContext *context, const Program &program,
                                                  const OperatorTable &table) {
  llvm::MapVector<StringAttr, OperatorUse> uses;
  llvm::SmallPtrSet<const Node *, 4> dataReads = findDataReads(program);
  for (const Node &node : program.nodes) {
    std::string reason = dataReads.contains(&node) ? "whose number depends on the data" : refusalOf(node);
    bool isOfComplex = touchesComplex(program, node);
    if (isOfComplex && reason.empty() && table.find(node.target) && !table.findComplex(node.target))
      reason = "of complex numbers";
    OperatorUse &use = uses[StringAttr::get(context, node.target + " " + reason)];
    if (use.count++ != 0)
      continue;
    use.name = node.target.str();
    use.isSupported = reason.empty() &&
                      (table.find(node.target) || (isOfComplex && table.findComplex(node.target)) || node.isSymbolic());
    use.reason = reason;
    use.line = lineOf(context, node);
  }
  std::vector<OperatorUse> result;
  for (auto &entry : uses)
    result.push_back(std::move(entry.second));
  return result;
}

llvm::Expected<std::vector<OperatorUse>> readOperatorUses(llvm::MemoryBufferRef bytes) {
  llvm::Expected<Archive> archive = Archive::open(bytes);
  if (!archive)
    return archive.takeError();
  llvm::Expected<Program> program = readProgram(*archive);
  if (!program)
    return program.takeError();
  MLIRContext context;
  return findOperatorUses(&context, *program, OperatorTable());
}

std::vector<std::string> supportedOperators() { return OperatorTable().names(); }

} // namespace raddle

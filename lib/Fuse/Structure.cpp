#include "Structure.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

namespace raddle {
namespace {

/// Writes words: types, attributes and names are unique in a context, so that their addresses stand for them, and
/// values are numbered as they appear. Counts stand before lists, so that no two pieces have one sequence.
class StructureWriter {
public:
  void define(ValueRange values) {
    write(values.size());
    for (Value value : values) {
      numbers.try_emplace(value, numbers.size());
      write(value.getType().getAsOpaquePointer());
    }
  }

  void use(ValueRange values) {
    write(values.size());
    for (Value value : values)
      write(numbers.at(value));
  }

  void write(Operation *op) {
    write(op->getName().getAsOpaquePointer());
    write(op->getAttrDictionary().getAsOpaquePointer());
    use(op->getOperands());
    write(op->getNumRegions());
    for (Region &region : op->getRegions())
      write(region);
    write(op->getNumSuccessors());
    for (Block *block : op->getSuccessors())
      write(blocks.at(block));
    define(op->getResults());
  }

  std::string take() { return std::move(words); }

private:
  void write(Region &region) {
    write(region.getBlocks().size());
    for (Block &block : region) {
      blocks.try_emplace(&block, blocks.size());
      define(block.getArguments());
    }
    for (Block &block : region) {
      write(block.getOperations().size());
      for (Operation &op : block)
        write(&op);
    }
  }

  void write(uint64_t word) { words.append(reinterpret_cast<const char *>(&word), sizeof(word)); }
  void write(const void *address) { write(static_cast<uint64_t>(reinterpret_cast<uintptr_t>(address))); }

  llvm::DenseMap<Value, uint64_t> numbers;
  llvm::DenseMap<Block *, uint64_t> blocks;
  std::string words;
};

} // namespace

std::string structureOf(ValueRange inputs, ArrayRef<Operation *> ops, ValueRange outputs) {
  StructureWriter writer;
  writer.define(inputs);
  for (Operation *op : ops)
    writer.write(op);
  writer.use(outputs);
  return writer.take();
}

} // namespace raddle

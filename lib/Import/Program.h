#ifndef RADDLE_LIB_IMPORT_PROGRAM_H
#define RADDLE_LIB_IMPORT_PROGRAM_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace raddle::import {

/// An integer of the program: a number, or an expression of symbols with the value it had at export.
struct SymbolicInt {
  int64_t value = 0;
  llvm::StringRef expression;
  std::optional<int64_t> hint;

  bool isStatic() const { return expression.empty(); }
};

/// The published numbers of PyTorch's element types.
enum class ScalarType : int64_t {
  UInt8 = 1,
  Int8 = 2,
  Int16 = 3,
  Int32 = 4,
  Int64 = 5,
  Float16 = 6,
  Float32 = 7,
  Float64 = 8,
  Complex64 = 10,
  Complex128 = 11,
  Bool = 12,
  BFloat16 = 13
};

struct TensorMeta {
  int64_t dtype = 0;
  llvm::SmallVector<SymbolicInt, 4> sizes;
  llvm::SmallVector<SymbolicInt, 4> strides;
  SymbolicInt offset;
  bool requiresGrad = false;
  llvm::StringRef device;
};

/// An argument of a node. Lists of every kind are one `List` of items.
struct Argument {
  enum class Kind {
    None,
    Tensor,
    Int,
    Float,
    Bool,
    String,
    Dtype,
    Complex,
    SymbolicInt,
    SymbolicFloat,
    SymbolicBool,
    List,
    Other
  };

  Kind kind = Kind::None;
  int64_t integer = 0;  // Int, Bool, Dtype
  double real = 0;      // Float, Complex
  double imaginary = 0; // Complex
  llvm::StringRef text; // name of a tensor or symbolic value, a string, or the key of what is not read
  std::vector<Argument> items;
};

struct NamedArgument {
  llvm::StringRef name;
  Argument value;
};

struct Node {
  llvm::StringRef target;
  llvm::StringRef name;
  llvm::StringRef stackTrace;
  std::vector<NamedArgument> inputs;
  std::vector<Argument> outputs;

  const Argument *find(llvm::StringRef input) const;
  /// A number, dimension or assertion that the importer evaluates itself: it has no tensor result.
  bool isSymbolic() const;
};

struct InputSpec {
  enum class Kind { Parameter, Buffer, Constant, User, Literal, Other };

  Kind kind = Kind::Other;
  llvm::StringRef placeholder;
  llvm::StringRef name;   // in the module, of parameters, buffers and constants; the spec's key for `Other`
  bool persistent = true; // of buffers: a part of the state dict
};

struct OutputSpec {
  enum class Kind { User, Mutation, Other };

  Kind kind = Kind::Other;
  Argument value;       // of the user's outputs
  llvm::StringRef name; // of what is mutated, or the spec's key
};

struct SymbolRange {
  std::optional<int64_t> min;
  std::optional<int64_t> max;
};

/// `models/model.json`. The strings point into the document that the program owns.
struct Program {
  std::shared_ptr<void> document;
  std::vector<Node> nodes;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  llvm::StringMap<TensorMeta> tensors;
  llvm::StringMap<SymbolicInt> symbolicValues;
  llvm::StringMap<SymbolRange> ranges;
};

/// One entry of a weight table: where a parameter, buffer or constant lies.
struct WeightEntry {
  std::string entry; // full name in the archive
  TensorMeta meta;
};

/// `data/{weights,constants}/model_*_config.json`: name in the module to where it lies.
struct WeightTable {
  std::vector<std::shared_ptr<void>> documents;
  llvm::StringMap<WeightEntry> entries;
};

/// Parses the text of `model.json`; the error says which member of which node is not as the schema has it.
llvm::Expected<Program> parseProgram(llvm::StringRef json);

/// Adds what the table `json` lists; `folder` is the table's folder in the archive, with a slash at its end.
llvm::Error parseWeightTable(llvm::StringRef json, llvm::StringRef folder, WeightTable &table);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_PROGRAM_H

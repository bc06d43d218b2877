#include "Batch.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace raddle::import {

static Error batchError(const Twine &message) { return createStringError(inconvertibleErrorCode(), message); }

/// Whether one of the symbols occurs in the size.
static bool dependsOn(const StringSet<> &symbols, const SymbolicInt &size) {
  bool found = false;
  Symbols::forEachSymbol(size.expression, [&](StringRef symbol) { found |= symbols.contains(symbol); });
  return found;
}

bool Batch::holdsInput(const TensorMeta &meta) const {
  if (meta.sizes.empty())
    return false;
  // Without symbols all inputs are a rank's part.
  return symbols.empty() || symbols.contains(Symbols::symbolOf(meta.sizes.front().expression));
}

bool Batch::holdsOutput(const TensorMeta &meta) const {
  if (meta.sizes.empty() || !perRank)
    return false;
  if (symbols.empty())
    return meta.sizes.front().isStatic() && meta.sizes.front().value == *perRank;
  return dependsOn(symbols, meta.sizes.front());
}

std::optional<int64_t> Batch::dimensionOf(const TensorMeta &meta) const {
  if (symbols.empty())
    return holdsOutput(meta) ? std::optional<int64_t>(0) : std::nullopt;
  for (auto [dim, size] : enumerate(meta.sizes))
    if (dependsOn(symbols, size))
      return dim;
  return std::nullopt;
}

/// The batch of all ranks: as asked for, or as at export.
static Expected<int64_t> globalBatch(const Program &program, const ImportOptions &options,
                                     const StringMap<std::optional<int64_t>> &hints) {
  if (options.batch)
    return *options.batch;
  std::optional<int64_t> batch;
  for (const auto &hint : hints) {
    if (!hint.second)
      return batchError("the file does not say with which batch it was exported: give the batch");
    if (batch && *batch != *hint.second)
      return batchError("inputs were exported with batches " + Twine(*batch) + " and " + Twine(*hint.second) +
                        ": give the batch");
    batch = hint.second;
  }
  return *batch;
}

Expected<Batch> bindBatch(const Program &program, const ImportOptions &options, Symbols &symbols) {
  if (options.ranks < 1)
    return batchError("the number of ranks is " + Twine(options.ranks) + ", expected at least 1");
  if (options.batch && *options.batch < 1)
    return batchError("the batch is " + Twine(*options.batch) + ", expected at least 1");

  Batch batch;
  batch.ranks = options.ranks;
  StringMap<std::optional<int64_t>> hints;
  SmallVector<std::pair<StringRef, const TensorMeta *>> inputs;
  for (const InputSpec &spec : program.inputs) {
    if (spec.kind != InputSpec::Kind::User)
      continue;
    auto found = program.tensors.find(spec.placeholder);
    if (found == program.tensors.end())
      return batchError("the file declares no type for input '" + spec.placeholder + "'");
    inputs.emplace_back(spec.placeholder, &found->second);
    if (found->second.sizes.empty())
      continue;
    const SymbolicInt &first = found->second.sizes.front();
    StringRef symbol = Symbols::symbolOf(first.expression);
    if (symbol.empty())
      continue;
    batch.symbols.insert(symbol);
    hints[symbol] = first.hint;
  }

  if (batch.symbols.empty()) {
    for (auto [name, meta] : inputs) {
      if (batch.perRank || meta->sizes.empty() || !meta->sizes.front().isStatic())
        continue;
      batch.perRank = meta->sizes.front().value;
      if (!options.allowStaticBatch)
        return batchError("input '" + name + "' has the static batch " + Twine(*batch.perRank) +
                          ": export it with a dynamic dimension 0");
      // Compared as products, so that a batch that does not divide is caught as well.
      int64_t all;
      if (options.batch && (MulOverflow(*batch.perRank, options.ranks, all) || all != *options.batch))
        return batchError("the file has the static batch " + Twine(*batch.perRank) + " a rank, but batch " +
                          Twine(*options.batch) + " on " + Twine(options.ranks) +
                          " ranks is asked for: export it with a dynamic dimension 0");
    }
  } else {
    Expected<int64_t> global = globalBatch(program, options, hints);
    if (!global)
      return global.takeError();
    if (*global % options.ranks != 0)
      return batchError("batch " + Twine(*global) + (options.batch ? "" : " (of the export, as none is given)") +
                        " does not divide by " + Twine(options.ranks) + " ranks");
    batch.perRank = *global / options.ranks;
    for (const auto &entry : batch.symbols) {
      StringRef symbol = entry.getKey();
      symbols.bind(symbol, *batch.perRank);
      auto range = program.ranges.find(symbol);
      if (range == program.ranges.end())
        continue;
      // Export assumes at least 2 of every dynamic size; 1 means the same to what is imported.
      constexpr int64_t kExportMinimum = 2;
      std::optional<int64_t> min = range->second.min, max = range->second.max;
      if ((min && *min > kExportMinimum && *batch.perRank < *min) || (max && *batch.perRank > *max))
        return batchError("a rank's batch is " + Twine(*batch.perRank) + ", but the model was exported for " +
                          (min ? Twine(*min).str() : "0") + " to " + (max ? Twine(*max).str() : "any"));
    }
  }

  SmallVector<std::string> problems;
  for (auto [name, meta] : inputs) {
    for (auto [dim, size] : enumerate(meta->sizes)) {
      Symbols::forEachSymbol(size.expression, [&, name = name, dim = dim](StringRef symbol) {
        if (!symbols.isBound(symbol))
          problems.push_back(("input '" + name + "' has the dynamic dimension " + Twine(dim) + " (" + symbol +
                              "): only dimension 0, the batch, may be dynamic")
                                 .str());
      });
    }
  }
  if (!problems.empty())
    return batchError(join(problems, "\n"));
  return std::move(batch);
}

} // namespace raddle::import

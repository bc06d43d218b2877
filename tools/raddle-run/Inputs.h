// The arrays that raddle-run hands to an entry point.
#pragma once

#include "Options.h"

#include "raddle/runtime/Npy.h"
#include "raddle/runtime/Session.h"
#include "raddle/runtime/Tokens.h"

#include <memory>

namespace raddle::run {

/// The inputs of one variant of an entry point: from files, from windows of a token file, or from the seed.
class Inputs {
public:
  /// `tokens` may be null. Throws runtime::Error when an input's file or the window does not fit.
  Inputs(const runtime::EntryInfo &entry, const Options &options, const runtime::TokenFile *tokens, uint64_t seed);

  /// The variant for which the inputs are.
  size_t variant() const { return chosen; }

  /// Draws the windows of a step.
  void draw(uint64_t step);

  const std::vector<runtime::HostArray> &arrays() const { return list; }

private:
  const runtime::EntryInfo &entry;
  const runtime::TokenFile *tokens;
  uint64_t seed;
  bool labelsNext;
  size_t chosen = 0;
  std::vector<std::vector<uint8_t>> memory;
  std::vector<runtime::HostArray> list;
  std::vector<size_t> windowed; // inputs that get tokens

  void fill(size_t input);
  void addWindow(size_t input, const Options &options);
};

} // namespace raddle::run

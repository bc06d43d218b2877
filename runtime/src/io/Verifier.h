// The parts of verifyBundle: structure first (flatbuffers), then tables, then the instructions of each variant.
#pragma once

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/DType.h"

#include <optional>
#include <string>
#include <vector>

namespace raddle::runtime::verify {

/// Collects problems, one line each, up to a limit that a reader can take in.
class Report {
public:
  void add(const std::string &line);
  bool full() const { return count >= limit; }
  bool clean() const { return count == 0; }
  const std::string &text() const { return lines; }

private:
  static constexpr size_t limit = 10;
  size_t count = 0;
  std::string lines;
};

template <typename T> size_t sizeOf(const flatbuffers::Vector<T> *vector) { return vector ? vector->size() : 0; }

inline std::string textOf(const flatbuffers::String *string) { return string ? string->str() : std::string(); }

/// The product of the extents; nothing when it overflows or, in bytes of `dtype`, exceeds what a buffer can have.
std::optional<uint64_t> countElements(const flatbuffers::Vector<uint64_t> *shape, DType dtype);

/// Whether the numbers of all shapes and strides can be read.
void verifyAlignment(const bundle::Bundle &bundle, Report &report);

/// Everything but the entry points. `start` is the FlatBuffer's first byte, from which alignment counts.
void verifyTables(const bundle::Bundle &bundle, const uint8_t *start, Report &report);

/// A parameter's place, source and names. `verifyTables` calls it.
void verifyParameters(const bundle::Bundle &bundle, Report &report);

/// The instructions of all variants of all entry points.
void verifyPrograms(const bundle::Bundle &bundle, Report &report);

/// An operand that was found valid. `begin` and `end` are bytes of its buffer.
struct Place {
  bundle::Space space;
  uint32_t index;
  uint64_t begin, end;
  uint64_t elements;
  DType dtype;

  bool sameAs(const Place &other) const {
    return space == other.space && index == other.index && begin == other.begin && end == other.end;
  }
  bool overlaps(const Place &other) const {
    return space == other.space && index == other.index && begin < other.end && other.begin < end;
  }
};

/// Checks operands of one variant. Problems go to the report with the position `where` in front.
class OperandChecker {
public:
  OperandChecker(const bundle::Bundle &bundle, const bundle::Variant &variant, Report &report)
      : bundle(bundle), variant(variant), report(report) {}

  /// `what` is the operand's role in its instruction; `written` refuses the spaces that are read only.
  std::optional<Place> check(const bundle::Operand *operand, const std::string &where, const std::string &what,
                             bool written);

private:
  const bundle::Bundle &bundle;
  const bundle::Variant &variant;
  Report &report;

  std::optional<uint64_t> bufferBytes(bundle::Space space, uint32_t index, const std::string &prefix);
  uint64_t elementBytes(bundle::Space space, uint32_t index) const;
};

/// One library call; operands and extents.
void verifyGemm(const bundle::Gemm &gemm, OperandChecker &operands, const std::string &where, Report &report);

/// An attention; operands, extents and strides.
void verifyAttention(const bundle::Attention &attention, OperandChecker &operands, const std::string &where,
                     Report &report);

/// One collective; kinds, sizes, pieces and overlap.
void verifyCollective(const bundle::Collective &collective, const bundle::Bundle &bundle, OperandChecker &operands,
                      const std::string &where, Report &report);

} // namespace raddle::runtime::verify

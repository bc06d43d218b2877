#include "Verifier.h"

#include "raddle/runtime/BundleFile.h"

#include <limits>

namespace raddle::runtime {

namespace verify {

void Report::add(const std::string &line) {
  if (full())
    return;
  lines += (count == 0 ? "" : "\n") + line;
  ++count;
}

std::optional<uint64_t> countElements(const flatbuffers::Vector<uint64_t> *shape, DType dtype) {
  // Half of the address space, so that sums of an offset and a size cannot wrap around either.
  constexpr uint64_t limit = std::numeric_limits<int64_t>::max();
  uint64_t elements = 1;
  for (size_t i = 0; i < sizeOf(shape); ++i)
    if (__builtin_mul_overflow(elements, shape->Get(i), &elements))
      return std::nullopt;
  uint64_t bytes;
  if (__builtin_mul_overflow(elements, byteSize(dtype), &bytes) || bytes > limit)
    return std::nullopt;
  return elements;
}

} // namespace verify

bool verifyBundle(const uint8_t *data, size_t size, std::string &why) {
  // Deeper than the schema's deepest path: bundle, entry, variant, instruction, action, operand. A table takes several
  // bytes, so more tables than bytes means that tables share parts to make reading slow.
  constexpr flatbuffers::uoffset_t maxDepth = 16;
  if (size >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    why = "a FlatBuffer must be smaller than " + std::to_string(FLATBUFFERS_MAX_BUFFER_SIZE) + " bytes, this one has " +
          std::to_string(size);
    return false;
  }
  flatbuffers::Verifier structure(data, size, maxDepth, static_cast<flatbuffers::uoffset_t>(size));
  if (!bundle::VerifyBundleBuffer(structure)) {
    why = "the " + std::to_string(size) + " bytes are not a well-formed FlatBuffer of the bundle's schema";
    return false;
  }
  const bundle::Bundle &root = *bundle::GetBundle(data);
  verify::Report report;
  verify::verifyAlignment(root, report);
  if (report.clean())
    verify::verifyTables(root, data, report);
  // Instructions refer to the tables; checking them against broken ones would only repeat the problems.
  if (report.clean())
    verify::verifyPrograms(root, report);
  why = report.text();
  return report.clean();
}

} // namespace raddle::runtime

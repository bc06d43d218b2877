// What a bundle's instructions do, for charts and tables.
#ifndef RADDLE_LIB_REPORT_INSTRUCTIONS_H
#define RADDLE_LIB_REPORT_INSTRUCTIONS_H

#include "raddle/runtime/Work.h"
#include <string>

namespace raddle::report {

using runtime::byteSize;
using runtime::bytesOf;
using runtime::elementsOf;
using runtime::flopsOf;

/// A FlatBuffers vector that may be absent, as a range.
template <typename T> class Range {
public:
  using Iterator = typename flatbuffers::Vector<T>::const_iterator;
  Range(const flatbuffers::Vector<T> *vector) : vector(vector) {}
  Iterator begin() const { return vector ? vector->begin() : Iterator(nullptr, 0); }
  Iterator end() const { return vector ? vector->end() : Iterator(nullptr, 0); }
  size_t size() const { return vector ? vector->size() : 0; }

private:
  const flatbuffers::Vector<T> *vector;
};

std::string textOf(const flatbuffers::String *string);
/// "4 x 8".
std::string formatShape(const flatbuffers::Vector<uint64_t> *shape);

/// The kinds of the legend, which are also names of CSS classes.
enum class Kind { Kernel, Library, Collective, Copy, Check, Event };
constexpr Kind allKinds[] = {Kind::Kernel, Kind::Library, Kind::Collective, Kind::Copy, Kind::Check, Kind::Event};
Kind kindOf(const bundle::Instruction &instruction);
const char *styleOf(Kind kind);
const char *legendOf(Kind kind);

/// Bytes that a rank sends: to an all-reduce the two halves of a ring, else the parts of all other ranks.
uint64_t bytesSent(const bundle::Collective &collective, const bundle::Bundle &bundle);
/// One line on an instruction: its kind, name, sizes.
std::string describe(const bundle::Bundle &bundle, const bundle::Instruction &instruction);

} // namespace raddle::report

#endif // RADDLE_LIB_REPORT_INSTRUCTIONS_H

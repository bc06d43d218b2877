// Parameter lists from files. The text is not trusted: whatever is wrong with it is a message.
#ifndef RADDLE_PLAN_READPARAMETERS_H
#define RADDLE_PLAN_READPARAMETERS_H

#include "raddle/Plan/Parameter.h"

namespace raddle::plan {

struct ParameterList {
  std::vector<Parameter> parameters;
  std::vector<std::string> problems; ///< all that is wrong, one message each
};

/// Reads `{"params": [{"name": ..., "shape": [...], "dtype": ..., "bucket": ..., "block": ...}]}`; `bucket` and `block`
/// are optional. A block is `[R, C]`, null for none, or a text as `parseBlock` reads it.
ParameterList parseParameterJson(std::string_view text);

/// Reads the header of a safetensors file: `bytes` is the file, or at least its first eight bytes and the header.
ParameterList parseSafetensorsHeader(std::string_view bytes);

/// Bytes from a safetensors file's start to the end of its header, by its first eight bytes; nothing where these are
/// missing or give more than the format allows.
std::optional<uint64_t> safetensorsHeaderEnd(std::string_view bytes);

} // namespace raddle::plan

#endif // RADDLE_PLAN_READPARAMETERS_H

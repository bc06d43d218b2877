// Reading, writing, verifying and printing of `.raddle` files. The compiler uses this library too, hence no exceptions:
// an operation that can fail returns the message, or nothing on success.
#pragma once

#include "raddle/runtime/AlignedBuffer.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace raddle::runtime {

/// Bytes in front of the FlatBuffer in a file; bundle.fbs describes them.
constexpr size_t preambleBytes = 32;

/// Checks a FlatBuffer completely: structure, every index, every operand's range, the shapes of library calls and
/// collectives, events, names. A bundle that passes can be executed without further range checks. On failure `why`
/// gets one line a problem, the first ten of them.
bool verifyBundle(const uint8_t *data, size_t size, std::string &why);

/// Writes preamble and FlatBuffer to a temporary file beside `path` and renames it. Leaves no file after an error.
std::optional<std::string> writeBundleFile(const std::string &path, const uint8_t *data, size_t size);

/// Reads a file, checks preamble and hash and verifies the FlatBuffer, which `out` holds on success.
std::optional<std::string> readBundleFile(const std::string &path, AlignedBuffer &out);

/// JSON of a verified FlatBuffer. The bytes of code and constants are replaced by {"bytes": count}.
std::string bundleToJson(const uint8_t *data, size_t size);

} // namespace raddle::runtime

// First values of a rank's state.
#pragma once

#include "raddle/Bundle/bundle_generated.h"
#include "raddle/runtime/Parameters.h"
#include "raddle/runtime/ThreadPool.h"
#include "raddle/runtime/WeightArchive.h"

#include <functional>
#include <string>

namespace raddle::runtime {

/// The path of the bundle's weights: `chosen` where it is not empty, else the bundle's own, relative to the bundle.
/// Empty when no parameter has a weight in a file.
std::string findWeights(const bundle::Bundle &bundle, const std::string &bundlePath, const std::string &chosen);

/// Throws one Error that lists every parameter whose weight is missing, too short or of another type.
void checkWeights(const bundle::Bundle &bundle, WeightArchive &archive, const std::string &path);

/// Puts a rank's part of a parameter where it belongs: lends memory of `bytes` bytes to `fill`, once.
using PlacePart =
    std::function<void(const ParameterPart &part, uint64_t bytes, const std::function<void(uint8_t *)> &fill)>;

/// Fills the parameters' part of a rank's states from the archive, which may be null where no parameter has a weight in
/// a file, and from the initialisers, drawn from `seed` by the threads of `pool`. Reads only what the rank owns.
void loadParameters(const bundle::Bundle &bundle, uint32_t rank, uint64_t seed, WeightArchive *archive,
                    ThreadPool &pool, const PlacePart &place);

} // namespace raddle::runtime

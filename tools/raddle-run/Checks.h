// What raddle-run looks at before the first step.
#pragma once

#include "Options.h"

#include "raddle/runtime/Communicator.h"

namespace raddle::run {

/// Throws InvalidArgument unless all processes run one bundle and make one number of calls: others would exchange
/// nonsense or wait for ever. All processes call it.
void checkAgreement(const Options &options, runtime::Communicator &world);

/// Throws InvalidArgument where what the last step leaves cannot be written: a training is long.
void checkOutputs(const Options &options);

} // namespace raddle::run

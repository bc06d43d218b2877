// The model of raddle-plan.
#ifndef RADDLE_TOOLS_PLAN_INPUT_H
#define RADDLE_TOOLS_PLAN_INPUT_H

#include "raddle/Plan/ReadParameters.h"

namespace raddle::plan {

/// Reads the parameters of a .pt2, of a .safetensors (only its header) or of JSON, as the file's name or, with another
/// name, its first bytes say. Problems name the file.
ParameterList readModel(const std::string &path);

} // namespace raddle::plan

#endif // RADDLE_TOOLS_PLAN_INPUT_H

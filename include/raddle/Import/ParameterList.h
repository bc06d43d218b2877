#ifndef RADDLE_IMPORT_PARAMETERLIST_H
#define RADDLE_IMPORT_PARAMETERLIST_H

#include "raddle/Plan/ReadParameters.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace raddle {

/// The trainable and frozen parameters of a `.pt2` archive, in its order, without building the program: operators that
/// the importer does not know do no harm. Parameters that share all of their storage occur once, under the first name.
plan::ParameterList readPt2Parameters(llvm::MemoryBufferRef archive);

} // namespace raddle

#endif // RADDLE_IMPORT_PARAMETERLIST_H

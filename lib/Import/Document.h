#ifndef RADDLE_LIB_IMPORT_DOCUMENT_H
#define RADDLE_LIB_IMPORT_DOCUMENT_H

#include "Archive.h"
#include "Program.h"

namespace raddle::import {

/// What the archive says, parsed.
struct Document {
  Program program;
  WeightTable weights;
};

/// Parses the archive's program alone.
llvm::Expected<Program> readProgram(const Archive &archive);

/// Parses the archive's program and its tables of weights and constants.
llvm::Expected<Document> readDocument(const Archive &archive);

} // namespace raddle::import

#endif // RADDLE_LIB_IMPORT_DOCUMENT_H

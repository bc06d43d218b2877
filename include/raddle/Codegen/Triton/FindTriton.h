// Whether this machine has Triton.
#ifndef RADDLE_CODEGEN_TRITON_FINDTRITON_H
#define RADDLE_CODEGEN_TRITON_FINDTRITON_H

namespace raddle {

/// Whether a Python that codegen-triton-compile would take has Triton: that which RADDLE_PYTHON names, or else python3
/// of the path or that which Raddle was built with. Asks it, which takes some tens of milliseconds.
bool findTriton();

} // namespace raddle

#endif // RADDLE_CODEGEN_TRITON_FINDTRITON_H

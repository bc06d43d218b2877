#include "raddle/runtime/Communicator.h"
#include "raddle/runtime/Error.h"

namespace raddle::runtime {

void checkReduction(DType dtype, bundle::Reduction reduction) {
  bool integer = dtype == DType::I64 || dtype == DType::I32;
  bool floating = dtype == DType::F32 || dtype == DType::F64;
  if (!floating && (!integer || reduction == bundle::Reduction::Mean))
    throw Error(std::string("cannot reduce elements of ") + nameOf(dtype) + " by " +
                bundle::EnumNameReduction(reduction));
}

} // namespace raddle::runtime

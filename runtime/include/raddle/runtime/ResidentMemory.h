// How much memory the process has.
#pragma once

#include <cstdint>

namespace raddle::runtime {

/// Bytes of this process that lie in memory now, or 0 where the system does not say. Of these, pages of files that are
/// mapped, as code is: the system keeps them once for all processes, and can drop them.
uint64_t residentBytes();
uint64_t residentFileBytes();

/// The most that `residentBytes` has been. Unlike getrusage's peak it does not begin with that of the process that
/// started this one.
uint64_t peakResidentBytes();

} // namespace raddle::runtime

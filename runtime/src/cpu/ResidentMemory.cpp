#include "raddle/runtime/ResidentMemory.h"

#include <fstream>
#include <string>

namespace raddle::runtime {

// A line of the process's status in units of 1024 bytes.
static uint64_t readStatus(const std::string &key) {
  constexpr uint64_t unit = 1024;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name; status.ignore(256, '\n'))
    if (uint64_t count; name == key && status >> count)
      return count * unit;
  return 0;
}

uint64_t residentBytes() { return readStatus("VmRSS:"); }

uint64_t residentFileBytes() { return readStatus("RssFile:"); }

uint64_t peakResidentBytes() { return readStatus("VmHWM:"); }

} // namespace raddle::runtime

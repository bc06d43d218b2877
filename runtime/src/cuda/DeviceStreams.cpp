#include "DeviceStreams.h"

#include "../exec/Program.h"

namespace raddle::runtime::cuda {

// Streams are numbered as those of programs are.
static_assert(computeStream == 0 && communicationStream == 1);

DeviceStreams::DeviceStreams(const Driver &driver) : cu(driver) {
  try {
    int least = 0, greatest = 0;
    cu.check(cu.ctxGetStreamPriorityRange(&least, &greatest), "cannot ask for priorities of streams");
    cu.check(cu.streamCreate(&streams[0], streamNonBlocking, least), "cannot make a stream");
    cu.check(cu.streamCreate(&streams[1], streamNonBlocking, greatest), "cannot make a stream");
    cu.check(cu.streamCreate(&beside, streamNonBlocking, greatest), "cannot make a stream");
    cu.check(cu.memAlloc(&number, sizeof(*seen)), "cannot allocate memory of the GPU");
    void *host = nullptr;
    cu.check(cu.memHostAlloc(&host, sizeof(*seen), 0), "cannot allocate memory that the GPU can copy");
    seen = static_cast<uint32_t *>(host);
    memory = std::make_unique<MemoryKernels>(cu);
    mark(0);
  } catch (...) {
    release();
    throw;
  }
}

DeviceStreams::~DeviceStreams() { release(); }

void DeviceStreams::release() {
  for (std::vector<Event> *list : {&events, &stamps})
    for (Event event : *list)
      cu.eventDestroy(event);
  for (Stream stream : {streams[0], streams[1], beside})
    if (stream)
      cu.streamDestroy(stream);
  if (number)
    cu.memFree(number);
  if (seen)
    cu.memFreeHost(seen);
}

void DeviceStreams::fill(Address dst, uint8_t byte, uint64_t bytes) { memory->fill(dst, byte, bytes, compute()); }

static void make(const Driver &cu, std::vector<Event> &events, size_t count, unsigned flags) {
  while (events.size() < count) {
    Event event = nullptr;
    cu.check(cu.eventCreate(&event, flags), "cannot make an event");
    events.push_back(event);
  }
}

void DeviceStreams::makeEvents(size_t count) { make(cu, events, count, eventDisableTiming); }

void DeviceStreams::makeStamps(size_t count) { make(cu, stamps, count, eventDefault); }

void DeviceStreams::stamp(size_t stamp, uint32_t stream) {
  cu.check(cu.eventRecord(stamps[stamp], streams[stream]), "cannot record an event");
}

double DeviceStreams::secondsBetween(size_t first, size_t second) {
  constexpr double millisecond = 1e-3;
  float milliseconds = 0;
  cu.check(cu.eventElapsedTime(&milliseconds, stamps[first], stamps[second]), "cannot ask for the time of an event");
  return static_cast<double>(milliseconds) * millisecond;
}

void DeviceStreams::record(size_t event, uint32_t stream) {
  cu.check(cu.eventRecord(events[event], streams[stream]), "cannot record an event");
}

void DeviceStreams::wait(size_t event, uint32_t stream) {
  cu.check(cu.streamWaitEvent(streams[stream], events[event], 0), "cannot wait for an event");
}

bool DeviceStreams::reached(size_t event) {
  Result result = cu.eventQuery(events[event]);
  if (result != notReady)
    cu.check(result, "the GPU failed");
  return result != notReady;
}

void DeviceStreams::await(size_t event) { cu.check(cu.eventSynchronize(events[event]), "the GPU failed"); }

void DeviceStreams::mark(uint32_t value) { memory->store(number, value, communication()); }

uint32_t DeviceStreams::marked() {
  *seen = 0;
  // Of a device that has failed nothing can be read.
  if (cu.memcpyAsync(reinterpret_cast<Address>(seen), number, sizeof(*seen), beside) == 0)
    cu.streamSynchronize(beside);
  return *seen;
}

bool DeviceStreams::finished() {
  for (Stream stream : streams) {
    Result result = cu.streamQuery(stream);
    if (result == notReady)
      return false;
    cu.check(result, "the GPU failed");
  }
  return true;
}

void DeviceStreams::synchronize() {
  for (Stream stream : streams)
    cu.check(cu.streamSynchronize(stream), "the GPU failed");
}

} // namespace raddle::runtime::cuda

// NCCL's interface, so that what calls it is tested without GPUs of their own for ranks. Calls of ranks meet on the
// host, where each learns of the others' memory; then each pulls what it needs on its stream. What it is told to say is
// in the environment.
#include "TestNccl.h"

#include "comm/Reduction.h"

#include "raddle/runtime/LocalCommunicator.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>

using namespace raddle::runtime;
using namespace raddle::test;

namespace {

using Result = int;
constexpr Result success = 0, invalidUsage = 5, remoteError = 6;
constexpr size_t widths[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
constexpr DType types[] = {DType::I8,  DType::U8,  DType::I32, DType::I32, DType::I64,
                           DType::I64, DType::F16, DType::F32, DType::F64, DType::BF16};

struct Id {
  char bytes[128];
};

/// Of what a rank sends to another one: it waits until that has seen it.
struct Message {
  const void *data;
  size_t bytes;
  bool *seen;
};

// Messages between the ranks of a communicator.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<int, int>, std::deque<Message>> messages;
};

struct World {
  explicit World(int size) : group(size) {}
  LocalGroup group;
};

struct Comm {
  Comm(std::shared_ptr<Communicator> ranks, std::shared_ptr<World> world)
      : hosts(std::move(ranks)), world(std::move(world)), mailbox(shareFirst(*hosts, std::make_shared<Mailbox>())),
        rank(makeNcclRank(*hosts)) {
    for (int r = 0; r < hosts->size(); ++r)
      if (r != hosts->rank())
        others.push_back(r);
  }

  std::shared_ptr<Communicator> hosts;
  std::shared_ptr<World> world;
  std::shared_ptr<Mailbox> mailbox;
  std::unique_ptr<NcclRank> rank;
  std::vector<int> others;

  /// The pointers of all ranks.
  std::vector<const char *> exchange(const void *own) {
    std::vector<const char *> all(static_cast<size_t>(hosts->size()));
    hosts->allGather(&own, all.data(), sizeof(own));
    return all;
  }
};

/// A call of ncclSend or ncclRecv.
struct Call {
  Comm *comm;
  bool sends;
  void *data;
  size_t bytes;
  int peer;
};

std::mutex mutex;
std::map<int, std::weak_ptr<World>> worlds;
int ids = 0;
thread_local int depth = 0;
thread_local std::vector<Call> grouped;

/// What the calls of a group for one communicator become, when their peers are known.
struct Exchange {
  std::vector<int> peers;
  struct Copy {
    void *dst;
    Message from;
  };
  std::vector<Copy> copies;
};

void post(const Call &call, bool *seen) {
  Mailbox &box = *call.comm->mailbox;
  std::lock_guard<std::mutex> lock(box.mutex);
  box.messages[{call.comm->hosts->rank(), call.peer}].push_back({call.data, call.bytes, seen});
  box.changed.notify_all();
}

Message fetch(const Call &call) {
  Mailbox &box = *call.comm->mailbox;
  std::unique_lock<std::mutex> lock(box.mutex);
  std::deque<Message> &queue = box.messages[{call.peer, call.comm->hosts->rank()}];
  box.changed.wait(lock, [&] { return !queue.empty(); });
  Message message = queue.front();
  queue.pop_front();
  *message.seen = true;
  box.changed.notify_all();
  return message;
}

void awaitSeen(const Call &call, const bool &seen) {
  Mailbox &box = *call.comm->mailbox;
  std::unique_lock<std::mutex> lock(box.mutex);
  box.changed.wait(lock, [&] { return seen; });
}

/// Does the calls of a group, which are of one communicator.
Result deliver(const std::vector<Call> &calls, void *stream) {
  if (calls.empty())
    return success;
  Comm &comm = *calls[0].comm;
  Exchange exchange;
  std::deque<bool> seen(calls.size(), false);
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i].sends)
      post(calls[i], &seen[i]);
  Result result = success;
  for (const Call &call : calls) {
    if (call.peer != comm.hosts->rank())
      exchange.peers.push_back(call.peer);
    if (call.sends)
      continue;
    Message message = fetch(call);
    if (message.bytes != call.bytes)
      result = invalidUsage;
    else
      exchange.copies.push_back({call.data, message});
  }
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i].sends)
      awaitSeen(calls[i], seen[i]);
  std::sort(exchange.peers.begin(), exchange.peers.end());
  exchange.peers.erase(std::unique(exchange.peers.begin(), exchange.peers.end()), exchange.peers.end());
  comm.rank->meet(exchange.peers, stream);
  for (const Exchange::Copy &copy : exchange.copies)
    comm.rank->copy(copy.dst, copy.from.data, copy.from.bytes, stream);
  comm.rank->meet(exchange.peers, stream);
  return result;
}

thread_local void *groupStream = nullptr;

Result endGroup() {
  std::vector<Call> calls = std::move(grouped);
  grouped.clear();
  return deliver(calls, groupStream);
}

Result add(const Call &call, void *stream) {
  if (!stream)
    return invalidUsage;
  grouped.push_back(call);
  groupStream = stream;
  return depth == 0 ? endGroup() : success;
}

raddle::bundle::Reduction reductionOf(int operation) {
  return operation == 0   ? raddle::bundle::Reduction::Sum
         : operation == 2 ? raddle::bundle::Reduction::Max
                          : raddle::bundle::Reduction::Mean;
}

/// Elements [first, first + count) of all ranks, added by the host.
Result reduce(Comm *comm, const void *src, void *dst, size_t first, size_t count, int type, int operation,
              void *stream) {
  if (!stream)
    return invalidUsage;
  size_t ranks = static_cast<size_t>(comm->hosts->size()), bytes = count * widths[type];
  uint8_t *memory = comm->rank->staging((ranks + 1) * bytes);
  std::vector<const char *> sources = comm->exchange(src);
  comm->rank->meet(comm->others, stream);
  std::vector<const void *> parts;
  for (size_t r = 0; r < ranks; ++r) {
    parts.push_back(memory + r * bytes);
    comm->rank->copy(memory + r * bytes, sources[r] + first * widths[type], bytes, stream);
  }
  uint8_t *result = memory + ranks * bytes;
  comm->rank->compute([=] { reduceElements(parts, 0, count, result, types[type], reductionOf(operation)); }, stream);
  comm->rank->meet(comm->others, stream);
  comm->rank->copy(dst, result, bytes, stream);
  return success;
}

bool isSet(const char *name) { return std::getenv(name) != nullptr; }

} // namespace

extern "C" {

Result ncclGetVersion(int *version) {
  const char *told = std::getenv("RADDLE_TEST_NCCL_VERSION");
  *version = told ? std::atoi(told) : 22809;
  return success;
}

const char *ncclGetErrorString(Result result) { return result == remoteError ? "remote error" : "invalid usage"; }
const char *ncclGetLastError(Comm *) { return "what it said last"; }

Result ncclGetUniqueId(Id *id) {
  std::lock_guard<std::mutex> lock(mutex);
  std::memset(id->bytes, 0x5a, sizeof(id->bytes));
  int number = ++ids;
  // At the end, so that an id that was not handed over whole is found out.
  std::memcpy(id->bytes + sizeof(id->bytes) - sizeof(number), &number, sizeof(number));
  return success;
}

Result ncclCommInitRank(Comm **comm, int size, Id id, int rank) {
  int number;
  std::memcpy(&number, id.bytes + sizeof(id.bytes) - sizeof(number), sizeof(number));
  std::shared_ptr<World> world;
  {
    std::lock_guard<std::mutex> lock(mutex);
    world = worlds[number].lock();
    if (!world)
      worlds[number] = world = std::make_shared<World>(size);
  }
  Communicator &member = world->group.member(rank);
  member.barrier();
  *comm = new Comm(std::shared_ptr<Communicator>(world, &member), world);
  return success;
}

Result ncclCommSplit(Comm *comm, int colour, int, Comm **part, void *) {
  *part = new Comm(comm->hosts->split(colour), comm->world);
  return success;
}

Result ncclCommUserRank(Comm *comm, int *rank) {
  *rank = comm->hosts->rank();
  return success;
}

Result ncclCommCount(Comm *comm, int *size) {
  *size = comm->hosts->size();
  return success;
}

Result ncclCommDestroy(Comm *comm) {
  delete comm;
  return success;
}

// Streams may still come to what the communicator has: it is kept to the end of the process, where checkers of memory
// find it.
Result ncclCommAbort(Comm *comm) {
  static std::vector<Comm *> &aborted = *new std::vector<Comm *>;
  comm->rank->abort();
  std::lock_guard<std::mutex> lock(mutex);
  aborted.push_back(comm);
  return success;
}

Result ncclCommGetAsyncError(Comm *, Result *error) {
  *error = isSet("RADDLE_TEST_NCCL_FAILS") ? remoteError : success;
  return success;
}

Result ncclAllGather(const void *src, void *dst, size_t count, int type, Comm *comm, void *stream) {
  if (!stream)
    return invalidUsage;
  size_t bytes = count * widths[type];
  std::vector<const char *> sources = comm->exchange(src);
  comm->rank->meet(comm->others, stream);
  for (size_t r = 0; r < sources.size(); ++r)
    if (char *to = static_cast<char *>(dst) + r * bytes; to != sources[r])
      comm->rank->copy(to, sources[r], bytes, stream);
  comm->rank->meet(comm->others, stream);
  return success;
}

Result ncclReduceScatter(const void *src, void *dst, size_t count, int type, int operation, Comm *comm, void *stream) {
  return reduce(comm, src, dst, static_cast<size_t>(comm->hosts->rank()) * count, count, type, operation, stream);
}

Result ncclAllReduce(const void *src, void *dst, size_t count, int type, int operation, Comm *comm, void *stream) {
  return reduce(comm, src, dst, 0, count, type, operation, stream);
}

Result ncclBroadcast(const void *src, void *dst, size_t count, int type, int root, Comm *comm, void *stream) {
  if (!stream || src != dst)
    return invalidUsage;
  std::vector<const char *> sources = comm->exchange(src);
  comm->rank->meet(comm->others, stream);
  if (comm->hosts->rank() != root)
    comm->rank->copy(dst, sources[static_cast<size_t>(root)], count * widths[type], stream);
  comm->rank->meet(comm->others, stream);
  return success;
}

Result ncclSend(const void *data, size_t count, int type, int peer, Comm *comm, void *stream) {
  return add({comm, true, const_cast<void *>(data), count * widths[type], peer}, stream);
}

Result ncclRecv(void *data, size_t count, int type, int peer, Comm *comm, void *stream) {
  return add({comm, false, data, count * widths[type], peer}, stream);
}

Result ncclGroupStart() {
  ++depth;
  return success;
}

Result ncclGroupEnd() { return --depth == 0 ? endGroup() : success; }

} // extern "C"

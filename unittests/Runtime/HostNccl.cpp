// NCCL's interface for memory of the host, so that what calls it is tested where there is no GPU: ranks are threads, a
// call returns when its result is there, and a stream only has to be given. What it is told to say is in the
// environment.
#include "raddle/runtime/LocalCommunicator.h"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <set>

using namespace raddle::runtime;

namespace {

using Result = int;
constexpr Result success = 0, invalidUsage = 5, remoteError = 6;
constexpr size_t widths[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
constexpr DType types[] = {DType::I8,  DType::U8,  DType::I32, DType::I32, DType::I64,
                           DType::I64, DType::F16, DType::F32, DType::F64, DType::BF16};

struct Id {
  char bytes[128];
};

// Messages between the ranks of a communicator.
struct Mailbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::map<std::pair<int, int>, std::deque<std::vector<char>>> messages;
};

struct World {
  explicit World(int size) : group(size) {}
  LocalGroup group;
  std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>();
};

struct Comm {
  std::shared_ptr<Communicator> member;
  std::shared_ptr<World> world;
  std::shared_ptr<Mailbox> mailbox;
};

struct Message {
  Comm *comm;
  bool sends;
  void *data;
  size_t bytes;
  int peer;
};

std::mutex mutex;
std::map<int, std::weak_ptr<World>> worlds;
std::map<std::pair<Communicator *, int>, std::shared_ptr<Mailbox>> mailboxes;
int ids = 0;
thread_local int depth = 0;
thread_local std::vector<Message> grouped;

Result deliver() {
  for (const Message &message : grouped) {
    if (!message.sends)
      continue;
    Mailbox &box = *message.comm->mailbox;
    std::lock_guard<std::mutex> lock(box.mutex);
    const char *data = static_cast<const char *>(message.data);
    box.messages[{message.comm->member->rank(), message.peer}].emplace_back(data, data + message.bytes);
    box.arrived.notify_all();
  }
  Result result = success;
  for (const Message &message : grouped) {
    if (message.sends)
      continue;
    Mailbox &box = *message.comm->mailbox;
    std::unique_lock<std::mutex> lock(box.mutex);
    auto &queue = box.messages[{message.peer, message.comm->member->rank()}];
    box.arrived.wait(lock, [&] { return !queue.empty(); });
    if (queue.front().size() != message.bytes)
      result = invalidUsage;
    else
      std::memcpy(message.data, queue.front().data(), message.bytes);
    queue.pop_front();
  }
  grouped.clear();
  return result;
}

Result post(const Message &message, void *stream) {
  if (!stream)
    return invalidUsage;
  grouped.push_back(message);
  return depth == 0 ? deliver() : success;
}

raddle::bundle::Reduction reductionOf(int operation) {
  return operation == 0   ? raddle::bundle::Reduction::Sum
         : operation == 2 ? raddle::bundle::Reduction::Max
                          : raddle::bundle::Reduction::Mean;
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
  *comm = new Comm{std::shared_ptr<Communicator>(world, &member), world, world->mailbox};
  return success;
}

Result ncclCommSplit(Comm *comm, int colour, int, Comm **part, void *) {
  std::shared_ptr<Communicator> member = comm->member->split(colour);
  std::shared_ptr<Mailbox> box;
  {
    std::lock_guard<std::mutex> lock(mutex);
    std::shared_ptr<Mailbox> &found = mailboxes[{&comm->world->group.member(0), colour}];
    if (!found)
      found = std::make_shared<Mailbox>();
    box = found;
  }
  *part = new Comm{member, comm->world, box};
  return success;
}

Result ncclCommUserRank(Comm *comm, int *rank) {
  *rank = comm->member->rank();
  return success;
}

Result ncclCommCount(Comm *comm, int *size) {
  *size = comm->member->size();
  return success;
}

Result ncclCommDestroy(Comm *comm) {
  delete comm;
  return success;
}

Result ncclCommAbort(Comm *comm) { return ncclCommDestroy(comm); }

Result ncclCommGetAsyncError(Comm *, Result *error) {
  *error = isSet("RADDLE_TEST_NCCL_FAILS") ? remoteError : success;
  return success;
}

Result ncclAllGather(const void *src, void *dst, size_t count, int type, Comm *comm, void *stream) {
  if (!stream)
    return invalidUsage;
  comm->member->allGather(src, dst, count * widths[type]);
  return success;
}

Result ncclReduceScatter(const void *src, void *dst, size_t count, int type, int operation, Comm *comm, void *stream) {
  if (!stream)
    return invalidUsage;
  comm->member->reduceScatter(src, dst, count, types[type], reductionOf(operation));
  return success;
}

Result ncclAllReduce(const void *src, void *dst, size_t count, int type, int operation, Comm *comm, void *stream) {
  if (!stream)
    return invalidUsage;
  comm->member->allReduce(src, dst, count, types[type], reductionOf(operation));
  return success;
}

Result ncclBroadcast(const void *src, void *dst, size_t count, int type, int root, Comm *comm, void *stream) {
  if (!stream || src != dst)
    return invalidUsage;
  comm->member->broadcast(dst, count * widths[type], root);
  return success;
}

Result ncclSend(const void *data, size_t count, int type, int peer, Comm *comm, void *stream) {
  return post({comm, true, const_cast<void *>(data), count * widths[type], peer}, stream);
}

Result ncclRecv(void *data, size_t count, int type, int peer, Comm *comm, void *stream) {
  return post({comm, false, data, count * widths[type], peer}, stream);
}

Result ncclGroupStart() {
  ++depth;
  return success;
}

Result ncclGroupEnd() { return --depth == 0 ? deliver() : success; }

} // extern "C"

// How rank 0's bytes come to the others: each of them connects, says who it is, and reads them.
#include "raddle/runtime/Error.h"
#include "raddle/runtime/Launch.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace raddle::runtime {

namespace {

using Clock = std::chrono::steady_clock;

// Ports behind torchrun's, of which the first that is free is taken.
constexpr int portsTried = 16;

// What a rank says of itself, so that nobody else gets an answer. Both ends are the same program.
struct Greeting {
  char magic[8] = {'R', 'A', 'D', 'D', 'L', 'E', 'I', '1'};
  uint32_t rank, ranks;
  char job[48] = {};

  Greeting() = default;
  explicit Greeting(const Launch &launch)
      : rank(static_cast<uint32_t>(launch.rank)), ranks(static_cast<uint32_t>(launch.ranks)) {
    // A name may be longer; its end is what differs.
    size_t length = std::min(launch.job.size(), sizeof(job));
    std::memcpy(job, launch.job.data() + launch.job.size() - length, length);
  }
  bool isOf(const Greeting &other) const {
    return std::memcmp(magic, other.magic, sizeof(magic)) == 0 && ranks == other.ranks &&
           std::memcmp(job, other.job, sizeof(job)) == 0;
  }
};

class Socket {
public:
  explicit Socket(int handle) : handle(handle) {}
  Socket(Socket &&other) : handle(std::exchange(other.handle, -1)) {}
  ~Socket() {
    if (handle >= 0)
      ::close(handle);
  }
  Socket &operator=(Socket &&other) {
    std::swap(handle, other.handle);
    return *this;
  }

  int get() const { return handle; }
  bool good() const { return handle >= 0; }

  /// Whether the event comes before `end`.
  bool awaits(short event, Clock::time_point end) const {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd one{handle, event, 0};
    return left > 0 && ::poll(&one, 1, static_cast<int>(std::min<long long>(left, 1000 * 3600))) == 1;
  }

  bool send(const void *data, size_t bytes, Clock::time_point end) const {
    for (size_t at = 0; at < bytes;) {
      ssize_t count =
          awaits(POLLOUT, end) ? ::send(handle, static_cast<const char *>(data) + at, bytes - at, MSG_NOSIGNAL) : -1;
      if (count <= 0)
        return false;
      at += static_cast<size_t>(count);
    }
    return true;
  }

  bool receive(void *data, size_t bytes, Clock::time_point end) const {
    for (size_t at = 0; at < bytes;) {
      ssize_t count = awaits(POLLIN, end) ? ::recv(handle, static_cast<char *>(data) + at, bytes - at, 0) : -1;
      if (count <= 0)
        return false;
      at += static_cast<size_t>(count);
    }
    return true;
  }

private:
  int handle;
};

struct FreeAddresses {
  void operator()(addrinfo *list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// Throws Error.
Addresses addressesOf(const std::string &name, int port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (int code = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &list))
    throw Error("MASTER_ADDR: cannot find '" + name + "': " + ::gai_strerror(code));
  return Addresses(list);
}

std::string portsText(const Launch &launch) {
  return std::to_string(launch.port + 1) + " to " + std::to_string(launch.port + portsTried);
}

// At all addresses of this machine, of both families where it has both.
bool bindTo(const Socket &socket, int family, int port) {
  int yes = 1, no = 0;
  uint16_t number = htons(static_cast<uint16_t>(port));
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (family == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = number;
    return ::bind(socket.get(), reinterpret_cast<sockaddr *>(&any), sizeof(any)) == 0;
  }
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = number;
  return ::bind(socket.get(), reinterpret_cast<sockaddr *>(&any), sizeof(any)) == 0;
}

Socket listenBehind(const Launch &launch) {
  std::string why;
  for (int port = launch.port + 1; port <= launch.port + portsTried; ++port)
    for (int family : {AF_INET6, AF_INET}) {
      Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (socket.good() && bindTo(socket, family, port) && ::listen(socket.get(), SOMAXCONN) == 0)
        return socket;
      why = std::strerror(errno);
    }
  throw Error("rank 0 cannot listen at any of the ports " + portsText(launch) + " behind MASTER_PORT: " + why);
}

void serve(const Launch &launch, const std::vector<uint8_t> &bytes, Clock::time_point end,
           std::chrono::seconds patience) {
  Socket listener = listenBehind(launch);
  std::vector<bool> came(static_cast<size_t>(launch.ranks));
  came[0] = true;
  const Greeting own(launch);
  while (std::find(came.begin(), came.end(), false) != came.end()) {
    if (!listener.awaits(POLLIN, end)) {
      std::string missing;
      for (size_t r = 0; r < came.size(); ++r)
        if (!came[r])
          missing += (missing.empty() ? "" : ", ") + std::to_string(r);
      throw Error("rank 0 waited " + std::to_string(patience.count()) + " seconds at the ports " + portsText(launch) +
                  " for these ranks, which did not come: " + missing);
    }
    Socket caller(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    // Who says nothing for a second is none of ours, as who says something else.
    Clock::time_point soon = std::min(end, Clock::now() + std::chrono::seconds(1));
    Greeting greeting;
    if (!caller.good() || !caller.receive(&greeting, sizeof(greeting), soon) || !greeting.isOf(own) ||
        greeting.rank >= own.ranks)
      continue;
    // What was sent may not have been read: the other end says so.
    char read;
    if (caller.send(&own, sizeof(own), soon) && caller.send(bytes.data(), bytes.size(), soon) &&
        caller.receive(&read, sizeof(read), soon))
      came[greeting.rank] = true;
  }
}

// Asks at one port; false where nobody answers as rank 0 does.
bool ask(const Launch &launch, int port, std::vector<uint8_t> &bytes, Clock::time_point end) {
  Addresses list = addressesOf(launch.address, port);
  Clock::time_point soon = std::min(end, Clock::now() + std::chrono::seconds(2));
  for (addrinfo *at = list.get(); at; at = at->ai_next) {
    Socket socket(::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol));
    if (!socket.good())
      continue;
    if (::connect(socket.get(), at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS)
      continue;
    const Greeting own(launch);
    Greeting answer;
    const char read = 1;
    if (socket.send(&own, sizeof(own), soon) && socket.receive(&answer, sizeof(answer), soon) && answer.isOf(own) &&
        answer.rank == 0 && socket.receive(bytes.data(), bytes.size(), soon) && socket.send(&read, sizeof(read), soon))
      return true;
  }
  return false;
}

} // namespace

void shareBytes(const Launch &launch, std::vector<uint8_t> &bytes, std::chrono::seconds patience) {
  Clock::time_point end = Clock::now() + patience;
  if (launch.rank == 0)
    return serve(launch, bytes, end, patience);
  while (Clock::now() < end) {
    for (int port = launch.port + 1; port <= launch.port + portsTried; ++port)
      if (ask(launch, port, bytes, end))
        return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw Error("rank " + std::to_string(launch.rank) + " found rank 0 at none of the ports " + portsText(launch) +
              " of '" + launch.address + "' (MASTER_ADDR, behind MASTER_PORT) within " +
              std::to_string(patience.count()) + " seconds");
}

} // namespace raddle::runtime

#include "raddle/runtime/Launch.h"

#include "raddle/runtime/Error.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace raddle::runtime {

namespace {

class Environment {
public:
  std::string text(const char *name) {
    const char *value = std::getenv(name);
    if (value && *value)
      return value;
    missing += (missing.empty() ? "" : ", ") + std::string(name);
    return "";
  }

  int number(const char *name, int lowest, int highest) {
    std::string value = text(name);
    int result = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    bool good = error == std::errc() && end == value.data() + value.size() && result >= lowest && result <= highest;
    if (!value.empty() && !good)
      wrong += "; " + std::string(name) + ": expected a number from " + std::to_string(lowest) + " to " +
               std::to_string(highest) + ", found '" + value + "'";
    return result;
  }

  void finish() const {
    if (!missing.empty() || !wrong.empty())
      throw InvalidArgument("the environment is not that of torchrun" +
                            (missing.empty() ? "" : "; these are not set: " + missing) + wrong);
  }

private:
  std::string missing, wrong;
};

bool isSet(const char *name) {
  const char *value = std::getenv(name);
  return value && *value;
}

} // namespace

std::optional<Launch> launchedByTorchrun() {
  static constexpr const char *names[] = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"};
  bool all = true;
  for (const char *name : names)
    all = all && isSet(name);
  bool byTorchrun = isSet("TORCHELASTIC_RUN_ID");
  if (!all && !byTorchrun)
    return std::nullopt;
  constexpr int maxRanks = 1 << 20, maxPort = 65535;
  Environment environment;
  Launch launch;
  launch.ranks = environment.number("WORLD_SIZE", 1, maxRanks);
  launch.rank = environment.number("RANK", 0, launch.ranks > 0 ? launch.ranks - 1 : maxRanks);
  launch.localRank = environment.number("LOCAL_RANK", 0, maxRanks);
  launch.address = environment.text("MASTER_ADDR");
  launch.port = environment.number("MASTER_PORT", 1, maxPort);
  launch.job = byTorchrun ? environment.text("TORCHELASTIC_RUN_ID") : "none";
  environment.finish();
  return launch;
}

} // namespace raddle::runtime

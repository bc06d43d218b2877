#include "Checks.h"

#include "raddle/runtime/Error.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace raddle::run {

using namespace raddle::runtime;

void checkAgreement(const Options &options, Communicator &world) {
  struct Item {
    const char *name;
    uint64_t value;
  };
  // The preamble of a bundle has the hash of all that follows.
  constexpr std::streamoff kHashOffset = 16;
  uint64_t hash = 0;
  std::ifstream file(options.bundle, std::ios::binary);
  if (!file.seekg(kHashOffset).read(reinterpret_cast<char *>(&hash), sizeof(hash)))
    return; // the session says what is wrong with the file, and the others end with this process
  const Item items[] = {{"the bundle", hash},
                        {"--entry", std::hash<std::string>()(options.entry)},
                        {"--steps", options.steps},
                        {"--seed", options.seed.value_or(UINT64_MAX)},
                        {"--val", options.val.empty() ? 0 : options.valSteps},
                        {"--val-every", options.valEvery}};
  std::vector<uint64_t> mine, all(std::size(items) * world.size());
  for (const Item &item : items)
    mine.push_back(item.value);
  world.allGather(mine.data(), all.data(), mine.size() * sizeof(uint64_t));
  std::string different;
  for (size_t i = 0; i < mine.size(); ++i)
    for (size_t other = i; other < all.size(); other += mine.size())
      if (all[other] != all[i]) {
        different += (different.empty() ? "" : ", ") + std::string(items[i].name);
        break;
      }
  if (!different.empty())
    throw InvalidArgument("the processes were not started alike: they differ in " + different);
}

void checkOutputs(const Options &options) {
  namespace fs = std::filesystem;
  std::error_code error;
  auto checkFolder = [&](const fs::path &folder, const std::string &what) {
    if (!fs::is_directory(folder, error))
      throw InvalidArgument(what + ": '" + folder.string() + "' is no folder");
    if (::access(folder.c_str(), W_OK | X_OK) != 0)
      throw InvalidArgument(what + ": cannot write into '" + folder.string() + "': " + std::strerror(errno));
  };
  auto checkParent = [&](const std::string &path, const std::string &what) {
    checkFolder(fs::absolute(path, error).lexically_normal().parent_path(), what);
  };
  if (!options.output.empty() && fs::exists(options.output, error))
    checkFolder(options.output, "--output");
  else if (!options.output.empty())
    checkParent(options.output, "--output");
  for (const auto &[path, what] : {std::pair(options.trace, "--trace"), std::pair(options.report, "--report"),
                                   std::pair(options.graph, "--graph")}) {
    if (path.empty())
      continue;
    if (fs::is_directory(path, error))
      throw InvalidArgument(what + (": '" + path) + "' is a folder");
    checkParent(path, what);
  }
}

} // namespace raddle::run

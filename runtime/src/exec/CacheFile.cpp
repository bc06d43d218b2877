#include "CacheFile.h"

#include "raddle/runtime/OutputFile.h"

#include <cstdlib>
#include <exception>
#include <filesystem>

namespace raddle::runtime {

std::string cacheFile(const std::string &name) {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  std::filesystem::path folder;
  if (cache && *cache)
    folder = cache;
  else if (home && *home)
    folder = std::filesystem::path(home) / ".cache";
  else
    return "";
  return (folder / "raddle" / name).string();
}

void rewriteCacheFile(const std::string &path, const std::string &text) {
  try {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    OutputFile file(path);
    file.write(text);
    file.commit();
  } catch (const std::exception &) {
    // Then it is measured again next time.
  }
}

} // namespace raddle::runtime

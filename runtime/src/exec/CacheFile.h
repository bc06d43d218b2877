// Where what was measured on this machine is remembered.
#pragma once

#include <string>

namespace raddle::runtime {

/// The path of a file of this name in `raddle` under XDG_CACHE_HOME, or else under `.cache` of HOME; empty where
/// neither is set.
std::string cacheFile(const std::string &name);

/// Replaces a file's text at once, making its folder; if that fails, nothing is there but what was.
void rewriteCacheFile(const std::string &path, const std::string &text);

} // namespace raddle::runtime

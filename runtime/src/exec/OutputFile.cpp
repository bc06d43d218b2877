#include "raddle/runtime/OutputFile.h"

#include "raddle/runtime/Error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace raddle::runtime {

OutputFile::OutputFile(const std::string &path)
    : path(path), temporary(path + "." + std::to_string(::getpid()) + ".tmp") {
  stream.open(temporary, std::ios::binary | std::ios::trunc);
  if (!stream)
    throw Error("cannot create '" + path + "': " + std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (temporary.empty())
    return;
  stream.close();
  std::remove(temporary.c_str());
}

void OutputFile::write(const void *data, size_t size) {
  if (!stream.write(static_cast<const char *>(data), static_cast<std::streamsize>(size)))
    throw Error("cannot write '" + path + "': " + std::strerror(errno));
}

void OutputFile::commit() {
  stream.close();
  if (!stream || std::rename(temporary.c_str(), path.c_str()) != 0)
    throw Error("cannot write '" + path + "': " + std::strerror(errno));
  temporary.clear();
}

} // namespace raddle::runtime

#include "Input.h"

#include "raddle/Import/ParameterList.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace raddle::plan {

namespace {

enum class Format { Pt2, Safetensors, Json };

/// The format that the name says, or else the first bytes: a zip, or an object right at the start.
Format formatOf(llvm::StringRef path, llvm::StringRef bytes) {
  if (path.ends_with(".pt2"))
    return Format::Pt2;
  if (path.ends_with(".safetensors"))
    return Format::Safetensors;
  if (path.ends_with(".json"))
    return Format::Json;
  if (bytes.starts_with("PK"))
    return Format::Pt2;
  return bytes.ltrim(" \t\r\n").starts_with("{") ? Format::Json : Format::Safetensors;
}

ParameterList parse(llvm::StringRef path, llvm::MemoryBufferRef file) {
  llvm::StringRef bytes = file.getBuffer();
  switch (formatOf(path, bytes)) {
  case Format::Pt2:
    return readPt2Parameters(file);
  case Format::Safetensors:
    return parseSafetensorsHeader(bytes);
  case Format::Json:
    return parseParameterJson(bytes);
  }
  return {};
}

} // namespace

ParameterList readModel(const std::string &path) {
  ParameterList list;
  if (llvm::sys::fs::is_directory(path)) {
    list.problems.push_back("'" + path + "' is a folder");
    return list;
  }
  // Large files are mapped: of a .safetensors only the header is touched.
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file) {
    list.problems.push_back("cannot open '" + path + "': " + file.getError().message());
    return list;
  }
  list = parse(path, (*file)->getMemBufferRef());
  for (std::string &problem : list.problems)
    problem = "'" + path + "': " + problem;
  return list;
}

} // namespace raddle::plan

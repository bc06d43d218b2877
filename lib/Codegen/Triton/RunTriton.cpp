#include "RunTriton.h"

#include "TritonScript.h"
#include "raddle/Codegen/Triton/FindTriton.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

namespace raddle {

char TritonMissing::ID;

namespace {

/// The script's exit status where Python has no Triton.
constexpr int kNoTriton = 3;

std::string inFolder(llvm::StringRef folder, const llvm::Twine &name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

llvm::Error writeFile(const std::string &path, llvm::StringRef text) {
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << text;
    return llvm::Error::success();
  });
}

/// Pythons to try. One that the user names is the only one.
llvm::SmallVector<std::string> candidates(llvm::StringRef python) {
  if (!python.empty())
    return {python.str()};
  if (std::optional<std::string> named = llvm::sys::Process::GetEnv("RADDLE_PYTHON"))
    return {*named};
  llvm::SmallVector<std::string> found;
  if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName("python3"))
    found.push_back(*path);
  if (llvm::sys::fs::can_execute(RADDLE_BUILD_PYTHON))
    found.push_back(RADDLE_BUILD_PYTHON);
  return found;
}

/// Where code is kept: RADDLE_CACHE, or the user's folder of caches.
std::string cacheFolder(llvm::StringRef scratch) {
  if (std::optional<std::string> named = llvm::sys::Process::GetEnv("RADDLE_CACHE"))
    return inFolder(*named, "triton");
  llvm::SmallString<128> path;
  if (!llvm::sys::path::cache_directory(path))
    return inFolder(scratch, "cache");
  llvm::sys::path::append(path, "raddle", "triton");
  return path.str().str();
}

/// The last line that a process printed says most.
std::string lastLine(const std::string &path) {
  auto text = llvm::MemoryBuffer::getFile(path);
  return text ? (*text)->getBuffer().rtrim().rsplit('\n').second.str() : std::string();
}

llvm::Error writeRequest(const std::vector<TritonSource> &sources, llvm::StringRef folder) {
  llvm::json::Array list;
  for (auto [number, source] : llvm::enumerate(sources)) {
    std::string name = std::to_string(number);
    list.push_back(llvm::json::Object{{"name", name}, {"warps", source.warps}});
    if (llvm::Error error = writeFile(inFolder(folder, name + ".ttir"), source.text))
      return error;
  }
  std::string text = llvm::formatv("{0}", llvm::json::Value(std::move(list)));
  if (llvm::Error error = writeFile(inFolder(folder, "kernels.json"), text))
    return error;
  return writeFile(inFolder(folder, "compile_kernels.py"), kTritonScript);
}

llvm::Error execute(llvm::StringRef folder, llvm::StringRef arch, llvm::StringRef python) {
  std::string script = inFolder(folder, "compile_kernels.py"), log = inFolder(folder, "log"), tried, why;
  std::string cache = cacheFolder(folder);
  arch.consume_front("sm_");
  for (const std::string &candidate : candidates(python)) {
    std::optional<llvm::StringRef> redirects[] = {std::nullopt, llvm::StringRef(log), llvm::StringRef(log)};
    int status = llvm::sys::ExecuteAndWait(candidate, {candidate, script, folder, arch, cache}, std::nullopt, redirects,
                                           0, 0, &why);
    if (status == 0)
      return llvm::Error::success();
    if (status > 0 && status != kNoTriton)
      return llvm::createStringError("Triton of '" + candidate + "' failed: " + lastLine(log));
    tried += (tried.empty() ? "" : ", ") + candidate;
  }
  return llvm::make_error<TritonMissing>("Triton is not installed: looked for it with " +
                                         (tried.empty() ? "no Python, there is none" : tried) +
                                         "; RADDLE_PYTHON names a Python that has it");
}

llvm::Expected<std::vector<TritonCode>> readResults(llvm::StringRef folder, size_t count) {
  auto text = llvm::MemoryBuffer::getFile(inFolder(folder, "results.json"));
  if (!text)
    return llvm::createStringError("Triton's process left no results");
  llvm::Expected<llvm::json::Value> results = llvm::json::parse((*text)->getBuffer());
  if (!results)
    return results.takeError();
  std::vector<TritonCode> codes(count);
  for (const llvm::json::Value &entry : *results->getAsArray()) {
    const llvm::json::Object &object = *entry.getAsObject();
    llvm::StringRef name = object.getString("name").value_or("");
    size_t number;
    if (name.getAsInteger(10, number) || number >= count)
      return llvm::createStringError("Triton's process gives a result of '" + name + "', which nobody asked for");
    TritonCode &code = codes[number];
    code.error = object.getString("error").value_or("").str();
    if (!code.error.empty())
      continue;
    auto bytes = llvm::MemoryBuffer::getFile(inFolder(folder, name + ".cubin"));
    if (!bytes)
      return llvm::createStringError("Triton's process left no code of function " + name);
    code.cubin = (*bytes)->getBuffer().str();
    code.warps = object.getInteger("warps").value_or(0);
    code.sharedBytes = object.getInteger("shared").value_or(0);
    code.scratchBytes = object.getInteger("scratch").value_or(0) * object.getInteger("ctas").value_or(1);
  }
  return codes;
}

} // namespace

bool findTriton() {
  llvm::StringRef question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('triton') is None)";
  std::optional<llvm::StringRef> nowhere[] = {llvm::StringRef(), llvm::StringRef(), llvm::StringRef()};
  return llvm::any_of(candidates({}), [&](const std::string &python) {
    return llvm::sys::ExecuteAndWait(python, {python, "-c", question}, std::nullopt, nowhere) == 0;
  });
}

llvm::Expected<std::vector<TritonCode>> runTriton(const std::vector<TritonSource> &sources, llvm::StringRef arch,
                                                  llvm::StringRef python) {
  llvm::SmallString<128> folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("raddle-triton", folder))
    return llvm::createStringError("cannot create a temporary folder: " + error.message());
  llvm::scope_exit remove([&] { llvm::sys::fs::remove_directories(folder); });
  if (llvm::Error error = writeRequest(sources, folder))
    return error;
  if (llvm::Error error = execute(folder, arch, python))
    return error;
  return readResults(folder, sources.size());
}

} // namespace raddle

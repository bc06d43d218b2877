#include "raddle/runtime/Trace.h"

#include "raddle/runtime/JsonText.h"
#include "raddle/runtime/OutputFile.h"

#include <set>

namespace raddle::runtime {

static std::string microseconds(Trace::Clock::duration time) {
  return jsonNumber(std::chrono::duration<double, std::micro>(time).count());
}

static std::string nameEvent(const char *what, int process, uint32_t thread, const std::string &name) {
  return std::string("{\"ph\":\"M\",\"name\":\"") + what + "\",\"pid\":" + std::to_string(process) +
         ",\"tid\":" + std::to_string(thread) + ",\"args\":{\"name\":" + jsonString(name) + "}}";
}

void writeTrace(const std::string &path, const std::vector<const Trace *> &traces, Trace::Clock::time_point start) {
  OutputFile file(path);
  file.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
  std::string separator = "\n";
  auto writeEvent = [&](const std::string &event) {
    file.write(separator + event);
    separator = ",\n";
  };
  for (const Trace *trace : traces) {
    writeEvent(nameEvent("process_name", trace->rank, 0, "rank " + std::to_string(trace->rank)));
    std::set<uint32_t> named;
    for (const Trace::Event &event : trace->events) {
      if (named.insert(event.stream).second)
        writeEvent(nameEvent("thread_name", trace->rank, event.stream, "stream " + std::to_string(event.stream)));
      writeEvent("{\"ph\":\"X\",\"name\":" + jsonString(event.name) + ",\"cat\":" + jsonString(event.kind) +
                 ",\"pid\":" + std::to_string(trace->rank) + ",\"tid\":" + std::to_string(event.stream) + ",\"ts\":" +
                 microseconds(event.begin - start) + ",\"dur\":" + microseconds(event.end - event.begin) + "}");
    }
  }
  file.write("\n]}\n");
  file.commit();
}

} // namespace raddle::runtime

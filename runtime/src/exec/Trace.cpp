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

// A JSON object; what did not take any time has no rates.
static std::string describeWork(const Work &work, double seconds, const std::optional<MachineLimits> &limits) {
  std::string text = "{\"bytes\":" + std::to_string(work.bytes) + ",\"flops\":" + jsonNumber(work.flops);
  if (seconds > 0) {
    text += ",\"bytes_per_second\":" + jsonNumber(static_cast<double>(work.bytes) / seconds) +
            ",\"flops_per_second\":" + jsonNumber(work.flops / seconds);
    if (limits)
      text += ",\"share_of_limit\":" + jsonNumber(limits->leastSeconds(work) / seconds);
  }
  return text + "}";
}

static std::string describeLimits(const MachineLimits &limits) {
  return "{\"memory_bytes_per_second\":" + jsonNumber(limits.memoryBytesPerSecond) +
         ",\"gemm_flops_per_second\":" + jsonNumber(limits.gemmFlopsPerSecond) +
         ",\"threads\":" + std::to_string(limits.threads) + "}";
}

void Trace::addTo(Measurements &measurements) const {
  std::unordered_map<const bundle::Instruction *, Measurements::Timing> own;
  std::unordered_map<const bundle::Instruction *, double> first;
  for (const Event &event : events) {
    Measurements::Timing &timing = own[event.instruction];
    timing.seconds += event.seconds();
    if (timing.executions++ == 0)
      first[event.instruction] = event.seconds();
  }
  for (auto &[instruction, timing] : own) {
    if (timing.executions > 1) {
      timing.seconds -= first[instruction];
      --timing.executions;
    }
    Measurements::Timing &sum = measurements.instructions[instruction];
    sum.seconds += timing.seconds;
    sum.executions += timing.executions;
  }
}

void writeTrace(const std::string &path, const std::vector<const Trace *> &traces, Trace::Clock::time_point start,
                const bundle::Bundle &bundle, const std::optional<MachineLimits> &limits) {
  OutputFile file(path);
  file.write("{\"displayTimeUnit\":\"ms\",");
  if (limits)
    file.write("\"otherData\":{\"limits_of_a_rank\":" + describeLimits(*limits) + "},");
  file.write("\"traceEvents\":[");
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
      Work work = workOf(bundle, *event.instruction);
      writeEvent("{\"ph\":\"X\",\"name\":" + jsonString(event.name) + ",\"cat\":" + jsonString(event.kind) +
                 ",\"pid\":" + std::to_string(trace->rank) + ",\"tid\":" + std::to_string(event.stream) +
                 ",\"ts\":" + microseconds(event.begin - start) + ",\"dur\":" + microseconds(event.end - event.begin) +
                 (work.bytes ? ",\"args\":" + describeWork(work, event.seconds(), limits) : "") + "}");
    }
  }
  file.write("\n]}\n");
  file.commit();
}

} // namespace raddle::runtime

#include "raddle/Import/OperatorCoverage.h"
#include "Printers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using raddle::OperatorUse;

static void printJson(ArrayRef<OperatorUse> uses, raw_ostream &os) {
  json::OStream out(os);
  out.object([&] {
    out.attributeArray("operators", [&] {
      for (const OperatorUse &use : uses)
        out.object([&] {
          out.attribute("name", use.name);
          out.attribute("uses", use.count);
          out.attribute("supported", use.isSupported);
          out.attribute("reason", use.reason);
          out.attribute("line", use.line);
        });
    });
    out.attribute("supported", int64_t(count_if(uses, [](const OperatorUse &use) { return use.isSupported; })));
    out.attribute("total", int64_t(uses.size()));
  });
  os << "\n";
}

static void printText(ArrayRef<OperatorUse> uses, raw_ostream &os) {
  for (const OperatorUse &use : uses) {
    os << (use.isSupported ? "supported  " : "unsupported") << format(" %6lld  ", (long long)use.count) << use.name;
    if (!use.reason.empty())
      os << " " << use.reason;
    if (!use.line.empty())
      os << "  " << use.line;
    os << "\n";
  }
  os << count_if(uses, [](const OperatorUse &use) { return use.isSupported; }) << " of " << uses.size()
     << " operators are supported\n";
}

Error printOperatorCoverage(const PrinterOptions &options, raw_ostream &os, bool &ok) {
  if (options.input.empty()) {
    std::vector<std::string> names = raddle::supportedOperators();
    if (options.json)
      os << formatv("{0}", json::Value(json::Array(names))) << "\n";
    else
      interleave(names, os, "\n"), os << "\n";
    return Error::success();
  }
  auto file = MemoryBuffer::getFileOrSTDIN(options.input, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return createStringError(file.getError(), "cannot open '" + options.input + "': " + file.getError().message());
  Expected<std::vector<OperatorUse>> uses = raddle::readOperatorUses((*file)->getMemBufferRef());
  if (!uses)
    return createStringError(inconvertibleErrorCode(), options.input + ": " + toString(uses.takeError()));
  ok = all_of(*uses, [](const OperatorUse &use) { return use.isSupported; });
  (options.json ? printJson : printText)(*uses, os);
  return Error::success();
}

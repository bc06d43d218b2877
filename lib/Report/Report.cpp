#include "raddle/Report/Report.h"

#include "Html.h"
#include "Instructions.h"
#include "Sections.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

using namespace raddle::bundle;

namespace raddle {

static std::string entrySections(const Bundle &bundle, const EntryPoint &entry, const runtime::Measurements &measured) {
  std::string html;
  for (const Variant *variant : report::Range(entry.variants())) {
    html += "<h2>Entry point <code>" + report::escape(report::textOf(entry.name())) + "</code>";
    if (report::Range(entry.variants()).size() > 1)
      html += ", batch " + std::to_string(variant->min_batch()) + " to " + std::to_string(variant->max_batch());
    html += "</h2>" + report::memorySection(*variant) + report::scheduleSection(bundle, *variant) +
            report::kernelSection(bundle, *variant, measured) + report::librarySection(bundle, *variant, measured) +
            report::collectiveSection(bundle, *variant);
  }
  return html;
}

static std::string document(const Bundle &bundle, const runtime::Measurements &measured) {
  std::string ranks = std::to_string(bundle.ranks()) + (bundle.ranks() == 1 ? " rank" : " ranks");
  std::string html = "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
                     "<meta name='viewport' content='width=device-width'><title>Raddle report</title><style>";
  html += report::styleSheet();
  html += "</style></head><body>\n"
          "<svg width='0' height='0' style='position:absolute'><defs><pattern id='hatch' width='6' height='6' "
          "patternUnits='userSpaceOnUse' patternTransform='rotate(45)'><line x1='0' y1='0' x2='0' y2='6' "
          "style='stroke:var(--faint);stroke-width:1.5'/></pattern></defs></svg>\n"
          "<header><h1>Raddle report</h1><p>" +
          report::escape(report::textOf(bundle.weights())) + " for " + ranks + ". What the compiler planned" +
          (measured.instructions.empty() ? "" : " and a run measured") +
          "; sizes and times are those of one rank.</p></header>\n";
  html += report::totalsSection(bundle, measured) + report::graphSection(measured);
  for (const EntryPoint *entry : report::Range(bundle.entries()))
    html += entrySections(bundle, *entry, measured);
  return html + report::bucketSection(bundle) + "</body></html>\n";
}

std::optional<std::string> writeReport(const Bundle &bundle, const std::string &path,
                                       const runtime::Measurements &measured) {
  std::string html = document(bundle, measured);
  // Under a temporary name first, so that an error leaves no half a file.
  std::string temporary = path + "." + std::to_string(::getpid()) + ".tmp";
  std::FILE *file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    return "cannot create report '" + path + "': " + std::strerror(errno);
  bool written = std::fwrite(html.data(), 1, html.size(), file) == html.size();
  written = std::fclose(file) == 0 && written;
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0)
    return std::nullopt;
  std::string reason = std::strerror(errno);
  std::remove(temporary.c_str());
  return "cannot write report '" + path + "': " + reason;
}

} // namespace raddle

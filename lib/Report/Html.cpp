#include "Html.h"

#include <array>
#include <cstdio>

namespace raddle::report {

std::string escape(std::string_view text) {
  std::string result;
  for (char c : text)
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    case '\'':
      result += "&#39;";
      break;
    default:
      // Control characters are not allowed in HTML; newlines may stay.
      if (static_cast<unsigned char>(c) < ' ' && c != '\n')
        result += "\xEF\xBF\xBD";
      else
        result += c;
    }
  return result;
}

// Three digits that count, and the largest of `units`, `base` apart, that leaves a number from 1.
template <size_t N> static std::string scaled(double value, double base, const std::array<const char *, N> &units) {
  size_t unit = 0;
  while (value >= base && unit + 1 < N) {
    value /= base;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof(text), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

std::string formatBytes(double bytes) {
  return scaled(bytes, 1024, std::array<const char *, 6>{"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string formatCount(double count, std::string_view unit) {
  return scaled(count, 1000, std::array<const char *, 7>{"", "k", "M", "G", "T", "P", "E"}) + std::string(unit);
}

std::string formatInteger(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3; at -= 3)
    digits.insert(at - 3, ",");
  return digits;
}

std::string formatShare(double part, double whole) {
  if (whole <= 0)
    return "–";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%", 100 * part / whole);
  return text;
}

void Table::row(const char *tag, const std::vector<std::string> &cells) {
  rows += "<tr>";
  for (size_t i = 0; i < columns; ++i)
    rows += std::string("<") + tag + ">" + escape(i < cells.size() ? cells[i] : "") + "</" + tag + ">";
  rows += "</tr>\n";
}

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

static std::string attribute(const char *name, double value) {
  return std::string(" ") + name + "='" + number(value) + "'";
}

static std::string classOf(std::string_view style) { return " class='" + escape(style) + "'"; }

Svg::Svg(double width, double height, std::string_view label) {
  body = "<div class='chart'><svg role='img' aria-label='" + escape(label) + "' viewBox='0 0 " + number(width) + " " +
         number(height) + "'>\n";
}

void Svg::rect(double x, double y, double width, double height, std::string_view style, std::string_view tooltip) {
  body += "<rect" + attribute("x", x) + attribute("y", y) + attribute("width", width) + attribute("height", height) +
          classOf(style);
  body += tooltip.empty() ? "/>\n" : "><title>" + escape(tooltip) + "</title></rect>\n";
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  body += "<line" + attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2) +
          classOf(style) + "/>\n";
}

void Svg::circle(double x, double y, double radius, std::string_view style) {
  body += "<circle" + attribute("cx", x) + attribute("cy", y) + attribute("r", radius) + classOf(style) + "/>\n";
}

void Svg::text(double x, double y, std::string_view anchor, std::string_view content) {
  body += "<text" + attribute("x", x) + attribute("y", y) + " text-anchor='" + std::string(anchor) + "'>" +
          escape(content) + "</text>\n";
}

void Svg::polygon(const std::vector<std::pair<double, double>> &points, std::string_view style) {
  body += "<polygon" + classOf(style) + " points='";
  for (auto [x, y] : points)
    body += number(x) + "," + number(y) + " ";
  body += "'/>\n";
}

} // namespace raddle::report

// Text, numbers and drawings as HTML.
#ifndef RADDLE_LIB_REPORT_HTML_H
#define RADDLE_LIB_REPORT_HTML_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace raddle::report {

/// `text` with everything replaced that means something in HTML or is no character of it.
std::string escape(std::string_view text);

/// "12.3 MiB".
std::string formatBytes(double bytes);
/// "12.3 M", with a decimal prefix; `unit` follows.
std::string formatCount(double count, std::string_view unit = "");
/// "1,234,567".
std::string formatInteger(uint64_t number);
/// "12.3 %" of `whole`, or a dash where `whole` is zero.
std::string formatShare(double part, double whole);

/// A table whose first column is text and whose others are right-aligned; cells are escaped.
class Table {
public:
  explicit Table(std::vector<std::string> head) : columns(head.size()) { row("th", head); }
  void add(const std::vector<std::string> &cells) { row("td", cells); }
  std::string html() const { return "<div class='scroll'><table>" + rows + "</table></div>"; }

private:
  void row(const char *tag, const std::vector<std::string> &cells);
  size_t columns;
  std::string rows;
};

/// A drawing of `width` x `height` units that scales to the page. Text is escaped; an empty tooltip is left out.
class Svg {
public:
  Svg(double width, double height, std::string_view label);
  void rect(double x, double y, double width, double height, std::string_view style, std::string_view tooltip = "");
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  void circle(double x, double y, double radius, std::string_view style);
  /// `anchor` is start, middle or end.
  void text(double x, double y, std::string_view anchor, std::string_view content);
  /// A closed outline through (x, y) pairs.
  void polygon(const std::vector<std::pair<double, double>> &points, std::string_view style);
  std::string html() const { return body + "</svg></div>"; }

private:
  std::string body;
};

} // namespace raddle::report

#endif // RADDLE_LIB_REPORT_HTML_H

// Errors of command lines in the form of the tools' own errors.
#ifndef RADDLE_TOOLS_COMMANDLINE_H
#define RADDLE_TOOLS_COMMANDLINE_H

#include <CLI/CLI.hpp>

#include <string>

namespace raddle {

/// What is wrong with a command line that `app` did not parse.
inline std::string describeError(const CLI::App &app, const CLI::ParseError &error) {
  std::string text = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    std::string extras;
    for (const std::string &extra : app.remaining())
      extras += (extras.empty() ? "" : " ") + extra;
    return "unknown options or arguments: " + extras;
  }
  // The option and the value are known from the text alone: "Could not convert: --ranks = abc".
  const std::string prefix = "Could not convert: ";
  size_t equals = text.find(" = ");
  if (text.compare(0, prefix.size(), prefix) == 0 && equals != std::string::npos)
    return text.substr(prefix.size(), equals - prefix.size()) + ": cannot take '" + text.substr(equals + 3) + "'";
  return text;
}

} // namespace raddle

#endif // RADDLE_TOOLS_COMMANDLINE_H

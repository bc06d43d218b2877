// The runtime's one type of error.
#pragma once

#include <stdexcept>
#include <string>

namespace raddle::runtime {

/// Thrown by everything in the runtime that can fail. The text is complete: what, where, expected and actual value.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// What the caller handed over does not fit the bundle: wrong count, shape, element type or name.
class __attribute__((visibility("default"))) InvalidArgument : public Error {
public:
  using Error::Error;
};

/// A rank stopped because another one failed; the other's error is the one to show.
class __attribute__((visibility("default"))) Aborted : public Error {
public:
  using Error::Error;
};

} // namespace raddle::runtime

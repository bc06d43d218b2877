// Libraries that are loaded when a bundle needs them: the runtime is built and runs without them.
#pragma once

#include <initializer_list>
#include <string>

namespace raddle::runtime::cuda {

/// A library that stays loaded, and its functions.
class SharedLibrary {
public:
  /// Loads the first of `names` that is there. Throws Error with `what` and the loader's last message if none is.
  SharedLibrary(std::initializer_list<const char *> names, const std::string &what);

  template <typename Function> void find(Function *&function, const char *name) {
    function = reinterpret_cast<Function *>(lookUp(name));
  }

  /// Whether there is such a function, which nobody has to have.
  template <typename Function> bool findOptional(Function *&function, const char *name) {
    function = reinterpret_cast<Function *>(lookUpOptional(name));
    return function != nullptr;
  }

  /// Throws Error where functions were not found: `what` lacks these.
  void check(const std::string &what) const;

  /// What dlopen gave.
  void *native() const { return handle; }

private:
  /// Null, and remembered, if there is no such function.
  void *lookUp(const char *name);
  void *lookUpOptional(const char *name) const;

  void *handle = nullptr;
  std::string missing;
};

} // namespace raddle::runtime::cuda

// Options of the sanitizers, linked into every executable of a sanitizer build, so that none is needed in the
// environment.

// A finding ends by a signal: exit status 1 is a tool's own, for an error that it reported.
//
// allow_user_poisoning=0: llvm/Support/Allocator.h poisons what its allocators have not handed out where it is compiled
// with AddressSanitizer. libLLVM and libMLIR are not, so what they take from an allocator that our code made would stay
// poisoned.
extern "C" const char *__asan_default_options() {
  return "abort_on_error=1:allow_user_poisoning=0:detect_stack_use_after_return=1:allocator_may_return_null=1";
}

extern "C" const char *__ubsan_default_options() { return "abort_on_error=1:print_stacktrace=1"; }

extern "C" const char *__lsan_default_options() { return "exitcode=99:print_suppressions=0"; }

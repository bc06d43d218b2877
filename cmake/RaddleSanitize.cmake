# RADDLE_SANITIZE=address,undefined instruments everything of ours; LLVM and MLIR stay the distribution's. Assertions of the
# standard library are on; those of LLVM's headers are not, because they change classes that libMLIR was built with.
# The options of the sanitizers are in Sanitizers.cpp.
set(RADDLE_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them; empty: none")
option(RADDLE_ENABLE_FUZZERS "Build the libFuzzer targets; needs clang and RADDLE_SANITIZE" OFF)
if(RADDLE_ENABLE_FUZZERS AND NOT RADDLE_SANITIZE)
  message(FATAL_ERROR "RADDLE_ENABLE_FUZZERS expects sanitizers in RADDLE_SANITIZE, such as address,undefined")
endif()
if(NOT RADDLE_SANITIZE)
  return()
endif()

add_compile_options(-fsanitize=${RADDLE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -gline-tables-only
  -D_GLIBCXX_ASSERTIONS)
add_link_options(-fsanitize=${RADDLE_SANITIZE})
if(RADDLE_ENABLE_FUZZERS)
  # Coverage in libraries and tools alike: everything is compiled once.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(raddle_sanitizers OBJECT ${CMAKE_SOURCE_DIR}/cmake/Sanitizers.cpp)
# Of every executable, without naming it there.
link_libraries($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:raddle_sanitizers>>)

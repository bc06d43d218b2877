# raddle_add_fuzzer(NAME SOURCES... LIBS LIBRARIES...): target fuzz-NAME, a libFuzzer program, in bin/ of a build with
# RADDLE_ENABLE_FUZZERS. scripts/fuzz NAME runs it on the seeds that fuzz/make_seeds.py makes for NAME.
function(raddle_add_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS")
  set(target fuzz-${name})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE ${arg_LIBS})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY RADDLE_FUZZERS ${target})
endfunction()

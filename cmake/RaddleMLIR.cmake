# Settings shared by every target that includes MLIR: flags, include folders, one precompiled header.
separate_arguments(llvm_definitions UNIX_COMMAND "${LLVM_DEFINITIONS}")

add_library(raddle_mlir_settings INTERFACE)
target_include_directories(raddle_mlir_settings INTERFACE
  ${CMAKE_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include)
target_include_directories(raddle_mlir_settings SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(raddle_mlir_settings INTERFACE ${llvm_definitions})
target_compile_options(raddle_mlir_settings INTERFACE -Wall -Wextra -Wno-unused-parameter -fno-exceptions -fno-semantic-interposition)
if(NOT LLVM_ENABLE_RTTI)
  target_compile_options(raddle_mlir_settings INTERFACE -fno-rtti)
endif()

# For TableGen, which reads the include folders of the directory.
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS})
include_directories(${CMAKE_SOURCE_DIR}/include)

# The shared library that mlir-opt links: a plugin must not bring a second copy of MLIR.
set(RADDLE_MLIR_LIBS MLIR LLVM)

# raddle_tablegen(FILE.td OUT ARGS... OUT ARGS... --) into the current binary folder, one target for all.
function(raddle_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(args ${ARGN})
  while(args)
    list(POP_FRONT args out flags)
    separate_arguments(flags)
    mlir_tablegen(${out} ${flags})
  endwhile()
  set(TABLEGEN_OUTPUT ${TABLEGEN_OUTPUT} PARENT_SCOPE)
endfunction()

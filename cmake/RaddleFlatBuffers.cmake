# Target raddle_bundle_schema: the header that flatc makes from the bundle's schema. The compiler writes with it, the
# runtime reads with it.
find_program(FLATC flatc REQUIRED)
set(schema ${CMAKE_SOURCE_DIR}/include/raddle/Bundle/bundle.fbs)
set(schema_dir ${CMAKE_BINARY_DIR}/generated)
set(schema_header ${schema_dir}/raddle/Bundle/bundle_generated.h)
add_custom_command(
  OUTPUT ${schema_header}
  COMMAND ${FLATC} --cpp --cpp-std c++17 --scoped-enums --reflect-names -o ${schema_dir}/raddle/Bundle ${schema}
  DEPENDS ${schema}
  COMMENT "Generating bundle_generated.h")
add_custom_target(raddle_bundle_header DEPENDS ${schema_header})
add_library(raddle_bundle_schema INTERFACE)
add_dependencies(raddle_bundle_schema raddle_bundle_header)
target_include_directories(raddle_bundle_schema SYSTEM INTERFACE ${schema_dir})

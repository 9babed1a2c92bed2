# Test executables (Catch2 v2) and fuzz targets (libFuzzer).
#
#   tw_unit_tests(NAME x SOURCES a_test.cpp ... [LINK tw_x ...] [LABEL unit] [DEFINITIONS ...])
#     executable tw_test_x, one ctest entry `<label>.x`. SOURCES are relative to the calling folder.
#   tw_fuzz_target(NAME x SOURCES x_fuzz.cpp ... [LINK tw_x ...])
#     executable tw_fuzz_x, only with -DTW_FUZZ=ON and clang.
#
# A stage that needs a build of its own builds what it runs: the target tw_run_<label> (of the unit
# tests' labels, and `golden`) or tw_run_fuzz.
#
# Catch2's header takes seconds to parse: it is precompiled once and shared by every test
# executable, and CATCH_CONFIG_MAIN lives in one object (tests/unit/main.cpp).

if(TW_FUZZ AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "TW_FUZZ needs clang: configure with --preset fuzz or CXX=clang++")
endif()

set(TW_TEST_MAIN ${PROJECT_SOURCE_DIR}/tests/unit/main.cpp)

# The targets that all test executables share. A tree without tests does not need Catch2.
if(TW_TESTS AND EXISTS ${TW_TEST_MAIN})
  find_package(Catch2 2 REQUIRED)
  add_library(tw_test_main OBJECT ${TW_TEST_MAIN})
  target_link_libraries(tw_test_main PUBLIC Catch2::Catch2 PRIVATE tw_warnings)
  target_include_directories(
    tw_test_main PUBLIC ${PROJECT_SOURCE_DIR}/userspace ${PROJECT_SOURCE_DIR}/include
                        ${PROJECT_SOURCE_DIR}/tests)
  # Half of all compiling is the tests' own code, of which nothing has to be fast, and whose frames
  # need no variables. What is tested is checked for undefined behaviour where it is compiled.
  set(TW_TEST_OPTIONS)
  if(TW_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(TW_TEST_OPTIONS -g1 -fno-sanitize=undefined)
  elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(TW_TEST_OPTIONS -O1 -g1)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(empty ${PROJECT_BINARY_DIR}/generated/test_pch.cpp)
    file(CONFIGURE OUTPUT ${empty} CONTENT "// carries the precompiled <catch2/catch.hpp>\n")
    add_library(tw_test_pch OBJECT ${empty})
    target_link_libraries(tw_test_pch PRIVATE Catch2::Catch2 tw_warnings)
    # -fpch-preprocess lets ccache see through the precompiled header; -fPIE is what executables
    # get, and a precompiled header must be built with the flags of its users.
    set_target_properties(tw_test_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(tw_test_pch PRIVATE -fPIE -fpch-preprocess ${TW_TEST_OPTIONS})
    target_precompile_headers(tw_test_pch PRIVATE <catch2/catch.hpp>)
  endif()
endif()

# What the tests of a label need is built by tw_run_<label>.
function(tw_needed_by_label label)
  if(NOT TARGET tw_run_${label})
    add_custom_target(tw_run_${label})
  endif()
  add_dependencies(tw_run_${label} ${ARGN})
endfunction()

function(tw_unit_tests)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LABEL" "SOURCES;LINK;DEFINITIONS")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tw_unit_tests(NAME x SOURCES ... LINK ...): got '${ARGN}'")
  endif()
  if(NOT TARGET tw_test_main)
    return()
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  set(target tw_test_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE tw_test_main tw_warnings ${arg_LINK})
  target_compile_definitions(${target} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${target} PRIVATE ${TW_TEST_OPTIONS})
  if(TARGET tw_test_pch)
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    target_precompile_headers(${target} REUSE_FROM tw_test_pch)
  endif()
  tw_needed_by_label(${arg_LABEL} ${target})
  # NoTests: an executable whose tests all got lost must not pass.
  add_test(NAME ${arg_LABEL}.${arg_NAME} COMMAND ${target} -w NoTests)
  set_tests_properties(${arg_LABEL}.${arg_NAME} PROPERTIES LABELS ${arg_LABEL} TIMEOUT 300
                                                           SKIP_RETURN_CODE 77)
endfunction()

function(tw_fuzz_target)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LINK")
  if(NOT arg_NAME OR NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tw_fuzz_target(NAME x SOURCES ... LINK ...): got '${ARGN}'")
  endif()
  if(NOT TW_FUZZ)
    return()
  endif()
  set(target tw_fuzz_${arg_NAME})
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE tw_warnings ${arg_LINK})
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  tw_needed_by_label(fuzz ${target})
endfunction()

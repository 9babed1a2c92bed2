# tw_version: generates "base/version.h" (kVersion, kCommit, kClangVersion, kLibbpfVersion).
# The commit is looked up at every build, and the header is rewritten only when it changed, so a
# commit costs one recompiled file and no reconfigure. Script mode (-P) is that look-up.

if(CMAKE_SCRIPT_MODE_FILE)
  set(TW_COMMIT unknown)
  execute_process(
    COMMAND git -C ${TW_SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE commit
    OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET
    RESULT_VARIABLE failed)
  if(NOT failed AND commit)
    set(TW_COMMIT ${commit})
  endif()
  # A tag v1.2.3 on the way to this commit names the version; without one the project's own does.
  execute_process(
    COMMAND git -C ${TW_SOURCE_DIR} describe --tags --match v[0-9]*
    OUTPUT_VARIABLE described
    OUTPUT_STRIP_TRAILING_WHITESPACE
    ERROR_QUIET
    RESULT_VARIABLE failed)
  if(NOT failed AND described AND NOT TW_VERSION_FIXED)
    string(REGEX REPLACE "^v" "" TW_VERSION ${described})
  endif()
  configure_file(${TW_SOURCE_DIR}/tools/cmake/version.h.in ${TW_OUTPUT} @ONLY)
  return()
endif()

set(TW_VERSION
    ""
    CACHE STRING "Version to report instead of git's")
execute_process(
  COMMAND ${TW_BPF_CLANG} -dumpversion
  OUTPUT_VARIABLE TW_CLANG_VERSION
  OUTPUT_STRIP_TRAILING_WHITESPACE)
set(TW_GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)
if(TW_VERSION)
  set(version_args -DTW_VERSION=${TW_VERSION} -DTW_VERSION_FIXED=ON)
else()
  set(version_args -DTW_VERSION=${PROJECT_VERSION})
endif()
set(version_command
    ${CMAKE_COMMAND} ${version_args} -DTW_SOURCE_DIR=${PROJECT_SOURCE_DIR}
    -DTW_OUTPUT=${TW_GENERATED_DIR}/base/version.h -DTW_CLANG_VERSION=${TW_CLANG_VERSION}
    -DTW_LIBBPF_VERSION=${LIBBPF_VERSION} -P ${CMAKE_CURRENT_LIST_FILE})
add_custom_target(
  tw_version_header
  COMMAND ${version_command}
  BYPRODUCTS ${TW_GENERATED_DIR}/base/version.h
  COMMENT "version.h"
  VERBATIM)
add_library(tw_version INTERFACE)
add_dependencies(tw_version tw_version_header)
target_include_directories(tw_version INTERFACE ${TW_GENERATED_DIR})

# tw_library(NAME x [HOT] SOURCES a.cpp ... [LINK targets ...] [PRIVATE_LINK targets ...])
# tw_link_hot(executable)
#
# One static library tw_x per folder of userspace/. Headers are included from the roots userspace/
# and include/, so LINK is what makes the dependency table of the architecture a link error too.
# LINK is what the headers of x expose (and everybody who links x gets); PRIVATE_LINK is not.
#
# HOT: every event goes through x. In releases the compiler tries harder there, and in executables
# that ask for it with tw_link_hot() also across files. The objects have plain code too, so that the
# many test executables need not be compiled again when they are linked.
set(TW_HOT_OPTIONS)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(TW_HOT_OPTIONS -O3 -flto=auto -ffat-lto-objects)
  # Without a word the linker's plugin optimises whatever has the code for it.
  add_link_options($<IF:$<BOOL:$<TARGET_PROPERTY:TW_HOT>>,-flto=auto,-fno-lto>)
endif()

function(tw_link_hot target)
  set_target_properties(${target} PROPERTIES TW_HOT ON)
endfunction()

function(tw_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "HOT" "NAME" "SOURCES;LINK;PRIVATE_LINK")
  if(NOT arg_NAME OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tw_library(NAME x SOURCES ... LINK ...): got '${ARGN}'")
  endif()
  set(target tw_${arg_NAME})
  if(arg_SOURCES)
    set(scope PUBLIC)
    add_library(${target} STATIC ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE tw_warnings ${arg_PRIVATE_LINK})
  else() # headers only
    set(scope INTERFACE)
    add_library(${target} INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/userspace
                                                ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} ${scope} ${arg_LINK})
  if(arg_HOT)
    target_compile_options(${target} PRIVATE ${TW_HOT_OPTIONS})
  endif()
endfunction()

# tw_library(NAME x SOURCES a.cpp ... [LINK targets ...] [PRIVATE_LINK targets ...])
#
# One static library tw_x per folder of userspace/. Headers are included from the roots userspace/
# and include/, so LINK is what makes the dependency table of the architecture a link error too.
# LINK is what the headers of x expose (and everybody who links x gets); PRIVATE_LINK is not.
function(tw_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LINK;PRIVATE_LINK")
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
endfunction()

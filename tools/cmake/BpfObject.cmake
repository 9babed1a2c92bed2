# tw_bpf_object(NAME SOURCES a.bpf.c b.bpf.c ... [INCLUDE dirs ...] [DEFINITIONS X=1 ...])
#
# Compiles each source for the bpf target, links them into NAME.bpf.o and generates NAME.skel.h
# (struct NAME_bpf). Gives an INTERFACE target tw_skel_NAME: link it and #include "NAME.skel.h".
# The object itself is ${TW_BPF_DIR}/NAME.bpf.o (target property TW_BPF_OBJECT of tw_skel_NAME).
#
# Header dependencies come from the compiler's own dependency file, never from a list by hand.

find_program(TW_BPF_CLANG NAMES clang REQUIRED)
find_program(TW_BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)
set(TW_BPF_DIR ${PROJECT_BINARY_DIR}/bpf-objects)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|i.86")
  set(TW_BPF_ARCH x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(TW_BPF_ARCH arm64)
else()
  message(FATAL_ERROR "no __TARGET_ARCH_ name known for '${CMAKE_SYSTEM_PROCESSOR}'")
endif()

# vmlinux.h and libbpf's headers are system headers: -Wpadded is about our own structs.
set(TW_BPF_FLAGS
    -target bpf
    -mcpu=v3
    -O2
    -g
    -std=gnu11
    -D__TARGET_ARCH_${TW_BPF_ARCH}
    -Wall
    -Wextra
    -Wno-unused-parameter
    -Wpadded
    -Wpacked
    -Werror)

function(tw_bpf_object NAME)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;INCLUDE;DEFINITIONS")
  if(NOT arg_SOURCES OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tw_bpf_object(NAME SOURCES ...): got '${ARGN}'")
  endif()
  set(dir ${TW_BPF_DIR}/${NAME})
  file(MAKE_DIRECTORY ${dir})
  list(TRANSFORM arg_INCLUDE PREPEND -I)
  list(TRANSFORM arg_DEFINITIONS PREPEND -D)

  set(parts)
  foreach(source IN LISTS arg_SOURCES)
    get_filename_component(stem ${source} NAME_WLE)
    get_filename_component(path ${source} ABSOLUTE)
    set(part ${dir}/${stem}.o)
    add_custom_command(
      OUTPUT ${part}
      COMMAND
        ${TW_BPF_CLANG} ${TW_BPF_FLAGS} ${arg_DEFINITIONS} -I${PROJECT_SOURCE_DIR}/include
        -I${PROJECT_SOURCE_DIR}/bpf ${arg_INCLUDE} -isystem ${PROJECT_SOURCE_DIR}/vmlinux -MD -MF
        ${part}.d -MT ${part} -c ${path} -o ${part}
      DEPENDS ${path}
      DEPFILE ${part}.d
      COMMENT "BPF ${NAME}: ${stem}"
      VERBATIM)
    list(APPEND parts ${part})
  endforeach()

  # Both outputs are written under another name first: a half-written file of a failed run would
  # look up to date to the next one.
  set(object ${TW_BPF_DIR}/${NAME}.bpf.o)
  set(skeleton ${dir}/${NAME}.skel.h)
  add_custom_command(
    OUTPUT ${object} ${skeleton}
    COMMAND ${TW_BPFTOOL} gen object ${dir}/linked.tmp ${parts}
    COMMAND ${CMAKE_COMMAND} -E rename ${dir}/linked.tmp ${object}
    COMMAND ${TW_BPFTOOL} gen skeleton ${object} name ${NAME}_bpf > ${skeleton}.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.tmp ${skeleton}
    DEPENDS ${parts}
    COMMENT "BPF ${NAME}: link, skeleton"
    VERBATIM)

  add_custom_target(tw_bpf_${NAME} ALL DEPENDS ${object} ${skeleton})
  add_library(tw_skel_${NAME} INTERFACE)
  add_dependencies(tw_skel_${NAME} tw_bpf_${NAME})
  target_include_directories(tw_skel_${NAME} SYSTEM INTERFACE ${dir})
  set_target_properties(tw_skel_${NAME} PROPERTIES TW_BPF_OBJECT ${object})
endfunction()

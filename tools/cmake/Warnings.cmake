# tw_warnings: the warning flags of our own C++ code, as a target to link privately.
# System headers and vendored C (llhttp) never get it.

option(TW_WERROR "Treat warnings as errors" ON)

add_library(tw_warnings INTERFACE)
target_compile_options(
  tw_warnings
  INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall
            -Wextra
            -Wshadow
            -Wold-style-cast
            -Wcast-qual
            -Wnon-virtual-dtor
            # libbpf's option macros and specs with designated initialisers leave fields out on purpose
            -Wno-missing-field-initializers>
            # GCC 12 sees uninitialised strings in every inlined std::variant (so in every Result)
            $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>
            $<$<AND:$<BOOL:${TW_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>)

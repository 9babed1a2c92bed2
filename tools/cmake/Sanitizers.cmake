# TW_SANITIZE=ON: address and undefined behaviour sanitizers plus libstdc++ assertions, in every
# target of the tree (mixing instrumented and plain code hides container overflows).
# Release builds get the usual hardening instead: the binary runs as root.

option(TW_SANITIZE "Build with ASan, UBSan and _GLIBCXX_ASSERTIONS" OFF)
option(TW_LTO "Link-time optimisation in release builds" OFF)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C CXX)

if(TW_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()

if(TW_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # coverage feedback from the code under test
endif()

if(TW_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

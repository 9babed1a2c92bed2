# tw_llhttp: the HTTP/1 parser of Node.js, from the C sources that Debian's node-llhttp ships
# (generated code; no library package exists). Third party: our warnings do not apply.

find_path(
  TW_LLHTTP_SOURCE_DIR
  NAMES llhttp.c
  PATHS /usr/share/llhttp
  NO_DEFAULT_PATH REQUIRED)
find_path(
  TW_LLHTTP_INCLUDE_DIR
  NAMES llhttp.h
  PATHS /usr/share/include/llhttp /usr/include/llhttp
  NO_DEFAULT_PATH REQUIRED)

add_library(tw_llhttp STATIC ${TW_LLHTTP_SOURCE_DIR}/api.c ${TW_LLHTTP_SOURCE_DIR}/http.c
                             ${TW_LLHTTP_SOURCE_DIR}/llhttp.c)
target_include_directories(tw_llhttp SYSTEM PUBLIC ${TW_LLHTTP_INCLUDE_DIR})
target_compile_options(tw_llhttp PRIVATE -w)

// The ABI as a C++20 compiler lays it out.
#include "layout.h"

const struct layout_row layout_of_cxx[] = {LAYOUT(LAYOUT_ROW){nullptr, nullptr, 0, 0, 0}};

/* The ABI as a C11 compiler lays it out. */
#include "layout.h"

const struct layout_row layout_of_c[] = {LAYOUT(LAYOUT_ROW){NULL, NULL, 0, 0, 0}};

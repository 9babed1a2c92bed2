#include "flow/parts.h"

#include <algorithm>

namespace tailwhy {

void Parts::trim(Ns most) {
  Ns over = sum();
  over = over > most ? over - most : 0;
  while (over > 0) {
    Ns& largest = *std::max_element(ns_.begin(), ns_.end());
    const Ns take = std::min(largest, over);
    largest -= take;
    over -= take;
  }
}

}  // namespace tailwhy

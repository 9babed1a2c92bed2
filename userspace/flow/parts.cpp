#include "flow/parts.h"

#include <algorithm>

namespace tailwhy {

void Parts::take_away(Ns over) {
  while (over > 0) {
    Ns& largest = *std::max_element(ns_.begin(), ns_.end());
    const Ns take = std::min(largest, over);
    largest -= take;
    over -= take;
  }
}

}  // namespace tailwhy

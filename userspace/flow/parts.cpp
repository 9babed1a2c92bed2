#include "flow/parts.h"

#include <algorithm>

namespace tailwhy {

Ns Parts::trim(Ns most) {
  const Ns all = sum();
  if (all <= most) return all;
  Ns over = all - most;
  while (over > 0) {
    Ns& largest = *std::max_element(ns_.begin(), ns_.end());
    const Ns take = std::min(largest, over);
    largest -= take;
    over -= take;
  }
  return most;
}

}  // namespace tailwhy

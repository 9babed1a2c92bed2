// See the header.
#include "flow/thread_work.h"

#include <algorithm>

namespace tailwhy {

Handed* HandedWork::find(const Work& work) {
  const auto found = std::find_if(begin(), end(), [&](const Handed& handed) {
    return handed.conn_id == work.conn_id && handed.generation == work.generation;
  });
  return found == end() ? nullptr : found;
}

const Handed* HandedWork::find_any_of(std::uint64_t conn_id) const {
  const auto found =
      std::find_if(begin(), end(), [&](const Handed& handed) { return handed.conn_id == conn_id; });
  return found == end() ? nullptr : found;
}

void HandedWork::add(const Handed& handed) {
  Handed* place = std::find_if(handed_.begin(), handed_.end(),
                               [&](const Handed& old) { return old.conn_id == handed.conn_id; });
  if (place == handed_.end()) {
    place = std::min_element(handed_.begin(), handed_.end(),
                             [](const Handed& a, const Handed& b) { return a.at < b.at; });
  }
  used_ += place->conn_id == 0 ? 1 : 0;
  *place = handed;
}

void HandedWork::remove(Handed& handed) {
  handed = {};
  --used_;
}

void HandedWork::took_other_work(const Work& work) {
  for (Handed& handed : *this) {
    if (handed.by_futex && handed.conn_id != work.conn_id) handed.weak = true;
  }
}

}  // namespace tailwhy

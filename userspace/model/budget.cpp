#include "model/budget.h"

namespace tailwhy {

std::string_view to_string(Gap gap) {
  switch (gap) {
    case Gap::None:
      return {};
    case Gap::Attach:
      return "attach";
    case Gap::HandOff:
      return "hand_off";
    case Gap::Lost:
      return "lost";
  }
  return {};
}

std::string_view to_string(QueuedWhile what) {
  switch (what) {
    case QueuedWhile::WaitedForCpu:
      return "waited_for_cpu";
    case QueuedWhile::Busy:
      return "busy";
    case QueuedWhile::Asleep:
      return "asleep";
    case QueuedWhile::Unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace tailwhy

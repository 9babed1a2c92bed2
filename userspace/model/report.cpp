// Adding up latency parts. Merging is integer addition of buckets: the result is exactly the
// histogram of the union, whatever the order.
#include "model/report.h"

namespace tailwhy {

void LatencyParts::merge(const LatencyParts& other) {
  for (const LatencyPartRow& row : kLatencyParts) {
    (this->*row.histogram).merge(other.*row.histogram);
  }
}

}  // namespace tailwhy

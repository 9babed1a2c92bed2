// See the header.
#include "stats/request_run.h"

namespace tailwhy {
namespace {

// All that rows, histograms and sums of budgets are made of.
bool counted_alike(const Request& a, const Request& b) {
  return a.at == b.at && a.role == b.role && a.outcome == b.outcome && a.failure == b.failure &&
         a.protocol == b.protocol && a.family == b.family && a.method == b.method &&
         a.route == b.route && a.route_source == b.route_source && a.status == b.status &&
         a.status_text == b.status_text && a.status_known == b.status_known &&
         a.client_error == b.client_error && a.open_ended == b.open_ended && a.budget == b.budget &&
         a.retransmits == b.retransmits;
}

}  // namespace

bool RequestRun::can_begin(const Request& request) {
  return request.pipeline_depth > 1 && request.stream == nullptr && request.downstream_calls == 0 &&
         request.failed_calls == 0 && request.budget.of(Part::Other) == 0;
}

void RequestRun::begin(const Request& request) {
  sum_ = request;
  sum_.peer = nullptr;
  sum_.local = nullptr;
  sum_.server_name = {};
  count_ = 1;
}

bool RequestRun::join(const Request& request) {
  if (count_ == 0 || !can_begin(request) || !counted_alike(sum_, request)) return false;
  sum_.request_bytes += request.request_bytes;
  sum_.response_bytes += request.response_bytes;
  ++count_;
  return true;
}

}  // namespace tailwhy

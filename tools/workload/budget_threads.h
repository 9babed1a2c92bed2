// The budget server as a thread for each connection: everything blocks.
#pragma once

#include "budget_pool.h"

namespace workload {

/// Serves one accepted socket until it ends. Called on the connection's own thread.
void serve_on_thread(int fd, Steps& steps, Pool& pool, const TruthFile& truth);

}  // namespace workload

// A server with one thread (or one process) per connection. Knows nothing of HTTP.
#pragma once

#include "socket.h"

#include <functional>

namespace workload {

enum class PerConnection : unsigned char { Thread, Fork };

struct ServeOptions {
  PerConnection per_connection = PerConnection::Thread;
  char** exec_again = nullptr;  // argv for SIGUSR2: the program replaces itself and serves on
};

/// Listens, prints "listening ADDRESS", and calls `handle` with each accepted socket, which it must
/// close. Ends the program at SIGTERM and SIGINT. `inherited` is a listening socket or -1.
[[noreturn]] void serve(Address address,
                        int inherited,
                        const ServeOptions& options,
                        const std::function<void(int)>& handle);

}  // namespace workload

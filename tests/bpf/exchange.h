// What the connection tests have in common: a question, an answer, and what must be told of them.
#pragma once

#include "bpf/scene.h"

#include <cstdint>

namespace tailwhy::test {

/// Accepts `count` connections one after the other, answers "pong" to "ping", waits for the end.
void serve(int listener, int count);
/// Sends "ping" and takes "pong".
void ask(int fd);
std::uint16_t local_port(int fd);
/// The target served one question on this connection.
void check_served(const Connection& conn, std::uint32_t pid);
/// From the handshake to the read, every stamp is there and in order.
void check_stamps(const Connection& conn);

}  // namespace tailwhy::test

// The response of the budget server, and its blocking way to the client.
#pragma once

#include "budget_truth.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace workload {

struct Answer {
  std::uint64_t body = 2;
  bool slow = false;  // pieces and a small send buffer: a client that reads slowly is felt
  bool keep_alive = true;
};

std::string answer_head(std::uint64_t status, const Answer& answer);
/// As many zeros, at most kPiece.
std::string_view answer_piece(std::uint64_t size);
inline constexpr std::uint64_t kPiece = 64 << 10;
/// What the first call sends of a slow answer's body: it must not block.
inline constexpr std::uint64_t kFirstPiece = 4 << 10;
void small_send_buffer(int fd);

/// Blocks. Time in send calls after the first is the client's. False: the peer is gone.
bool send_answer(int fd, const Answer& answer, Record& record, Spent& spent);

}  // namespace workload

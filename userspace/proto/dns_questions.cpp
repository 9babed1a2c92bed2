#include "proto/dns_questions.h"

#include "proto/dns_words.h"

namespace tailwhy::dns {
namespace {

constexpr std::uint64_t kNobody = std::uint64_t{1} << 17;

// Whether this message, which may be the first of its answer, is the last. What is not known to be
// the last is not.
bool ends_transfer(const Answer& answer, std::uint16_t type, bool first) {
  if (answer.code != 0 || answer.records == 0) return true;
  // The zone has not changed, or a datagram is too small for what has.
  if (first && type == kIxfr && answer.records == 1) return true;
  return answer.ends_with_soa && (!first || answer.records > 1);
}

}  // namespace

std::uint64_t Questions::ask(std::uint16_t id, const std::optional<Question>& question) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end() && waiting_.size() >= kMost) return stream_of(id);
  // Who asks with the id of a transfer that goes on cannot tell the answers apart either.
  if (found != waiting_.end() && found->second.begun) return stream_of(id);
  waiting_[id] = question ? Waiting{.shape = question->shape, .type = question->type} : Waiting{};
  return stream_of(id);
}

Questions::Reply Questions::answer(std::uint16_t id,
                                   const std::optional<Question>& question,
                                   const Answer& answer,
                                   std::uint64_t size) {
  const auto found = waiting_.find(id);
  if (found == waiting_.end()) return {.stream = stream_of(id), .size = size};
  Waiting& waiting = found->second;
  if (question && waiting.shape != 0 && question->shape != waiting.shape) {
    return {.stream = kNobody | id, .size = size};
  }
  const bool first = !waiting.begun;
  const bool transfer = waiting.type == kAxfr || waiting.type == kIxfr;
  const bool last = !transfer || ends_transfer(answer, waiting.type, first);
  waiting.size += size;
  const Reply reply{.stream = stream_of(id), .first = first, .last = last, .size = waiting.size};
  if (first && !last) {
    waiting.begun = true;
    ++begun_;
  } else if (last) {
    if (!first) --begun_;
    waiting_.erase(found);
  }
  return reply;
}

}  // namespace tailwhy::dns

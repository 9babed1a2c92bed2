// What is done for one connection: its account goes on while requests of it are outstanding, and a
// request's budget is the difference of two readings. Plain values; the Ledger writes them.
#pragma once

#include "flow/parts.h"
#include "flow/stays.h"
#include "model/endpoint.h"
#include "model/request.h"

#include <cstdint>
#include <string_view>

namespace tailwhy {

/// The longest of something, with its name.
struct LongestCall {
  Ns ns = 0;
  std::uint16_t nr = 0xffff;  // system call
};
struct LongestDownstream {
  Ns ns = 0;
  Endpoint peer;
  std::string_view protocol;
};

/// What a thread's sums have of the parts that are not spent for any one connection.
struct NobodysTime {
  Ns poll = 0;
  Ns unattributed = 0;

  static NobodysTime of(const Parts& sums) { return {sums[Part::Poll], sums[Part::Unattributed]}; }
};

struct Work {
  std::uint64_t conn_id = 0;
  Role role = Role::Unknown;

  // Of a connection that the target serves:
  Account account;               // up to `upto`
  bool active = false;           // requests are outstanding
  std::uint32_t generation = 0;  // how often it has become active
  std::uint32_t tid = 0;         // the thread that made its last call
  std::uint32_t kept_at = 0;     // where the Ledger counts it as outstanding
  Ns upto = 0;
  Parts own;                          // of that thread, for this connection, since then
  NobodysTime then;                   // of that thread, then
  bool receiving = false;             // its client has not sent all of a request
  bool sending = false;               // its client has to take some bytes first
  std::uint64_t number = 0;           // of its oldest request that is outstanding
  std::uint32_t downstream_open = 0;  // calls made for it that are not answered
  // Of those, that never will be: it waits for them until its next call all the same.
  std::uint32_t downstream_ended = 0;
  Gap gap = Gap::None;                 // why some time was unattributed, the last time
  std::uint16_t failed_call = 0xffff;  // the last failing system call
  std::uint16_t failed_error = 0;
  LongestCall other;             // since it became active
  LongestDownstream downstream;  // since it became active
  Stays stays;                   // if the Ledger is asked for them

  // Of a connection that the target made:
  std::uint64_t serves = 0;             // the connection that its exchange is made for; 0: none
  std::uint32_t serves_generation = 0;  // of that one
  std::uint64_t serves_number = 0;      // its request, when the exchange began
  bool counted = false;                 // in that one's downstream_open
  bool connecting = false;              // its first exchange has not begun
  Ns began = 0;
};

}  // namespace tailwhy

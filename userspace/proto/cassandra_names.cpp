#include "proto/cassandra_names.h"

#include <algorithm>
#include <array>

namespace tailwhy::cassandra {
namespace {

struct NameRow {
  Opcode opcode;
  std::string_view name;
};
constexpr std::array<NameRow, 8> kRequests{{{Opcode::Startup, "STARTUP"},
                                            {Opcode::Options, "OPTIONS"},
                                            {Opcode::Query, "QUERY"},
                                            {Opcode::Prepare, "PREPARE"},
                                            {Opcode::Execute, "EXECUTE"},
                                            {Opcode::Register, "REGISTER"},
                                            {Opcode::Batch, "BATCH"},
                                            {Opcode::AuthResponse, "AUTH_RESPONSE"}}};

struct ErrorRow {
  std::uint32_t code;
  std::string_view name;
};
// native_protocol_v4.spec, 9; the last two of v5.
constexpr std::array<ErrorRow, 20> kErrors{
    {{0x0000, "SERVER_ERROR"},      {0x000a, "PROTOCOL_ERROR"},   {0x0100, "AUTHENTICATION_ERROR"},
     {0x1000, "UNAVAILABLE"},       {0x1001, "OVERLOADED"},       {0x1002, "IS_BOOTSTRAPPING"},
     {0x1003, "TRUNCATE_ERROR"},    {0x1100, "WRITE_TIMEOUT"},    {0x1200, "READ_TIMEOUT"},
     {0x1300, "READ_FAILURE"},      {0x1400, "FUNCTION_FAILURE"}, {0x1500, "WRITE_FAILURE"},
     {0x2000, "SYNTAX_ERROR"},      {0x2100, "UNAUTHORIZED"},     {0x2200, "INVALID"},
     {0x2300, "CONFIG_ERROR"},      {0x2400, "ALREADY_EXISTS"},   {0x2500, "UNPREPARED"},
     {0x1600, "CDC_WRITE_FAILURE"}, {0x1700, "CAS_WRITE_UNKNOWN"}}};

}  // namespace

std::string_view name_of(Opcode opcode) {
  const auto* const row = std::find_if(kRequests.begin(), kRequests.end(),
                                       [&](const NameRow& r) { return r.opcode == opcode; });
  return row == kRequests.end() ? std::string_view{} : row->name;
}

std::string_view error_name(std::uint32_t code) {
  const auto* const row = std::find_if(kErrors.begin(), kErrors.end(),
                                       [code](const ErrorRow& r) { return r.code == code; });
  return row == kErrors.end() ? "_OTHER" : row->name;
}

}  // namespace tailwhy::cassandra

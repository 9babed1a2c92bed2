// Packets of MySQL's protocol as its documents have them (MySQL's source code documentation,
// "Client/Server Protocol"; MariaDB's knowledge base of the same name), and conversations of them.
#pragma once

#include "parser_properties.h"

#include <string>
#include <vector>

namespace tailwhy::test::mysql {

using namespace std::string_literals;

inline std::string le(std::uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i)
    text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

// "MySQL Packets": a length of 3 bytes and a sequence number.
inline std::string packet(unsigned sequence, const std::string& payload) {
  return le(payload.size(), 3) + static_cast<char>(sequence) + payload;
}
/// Packets one after the other, numbered from `sequence` on.
inline std::string packets(unsigned sequence, const std::vector<std::string>& payloads) {
  std::string all;
  for (const std::string& payload : payloads)
    all += packet(sequence++ & 0xff, payload);
  return all;
}

inline std::string command(unsigned char code, const std::string& rest = "") {
  return packet(0, static_cast<char>(code) + rest);
}
inline std::string query(const std::string& sql) {
  return command(3, sql);
}
inline std::string prepare(const std::string& sql) {
  return command(0x16, sql);
}
// COM_STMT_EXECUTE: statement, no cursor, once, then values.
inline std::string execute(std::uint32_t statement,
                           const std::string& values = "",
                           int cursor = 0) {
  return command(0x17, le(statement, 4) + static_cast<char>(cursor) + le(1, 4) + values);
}
inline std::string close_statement(std::uint32_t statement) {
  return command(0x19, le(statement, 4));
}

constexpr std::size_t kEofPacket = 9;
constexpr std::uint32_t kModern = 0x00aff7df;  // what a client of 2015 and later asks for
constexpr std::uint32_t kLeaveEofs = 1U << 24, kTls = 1U << 11, kCompress = 1U << 5;

// Protocol::HandshakeV10.
inline std::string greeting(std::uint32_t capabilities = 0xffffffff) {
  return packet(0, "\x0a"s + "5.5.5-10.11.6-MariaDB\0"s + le(0x5a17c0de, 4) + "CANARY_1\0"s +
                       le(capabilities & 0xffff, 2) + "\x2d" + le(2, 2) +
                       le(capabilities >> 16, 2) + "\x15"s + std::string(10, '\0') +
                       "CANARY_CANAR\0mysql_native_password\0"s);
}
// Protocol::HandshakeResponse41; the first 32 bytes are an SSLRequest.
inline std::string login_head(std::uint32_t capabilities) {
  return le(capabilities, 4) + le(1U << 24, 4) + "\x2d" + std::string(23, '\0');
}
inline std::string login(std::uint32_t capabilities = kModern) {
  return packet(1, login_head(capabilities) + "CANARY_user\0\x14"s + "CANARY_CANARY_CANARY" +
                       "CANARY_db\0mysql_native_password\0"s);
}

inline std::string ok(std::uint16_t status = 2, const std::string& info = "") {
  return "\0\0\0"s + le(status, 2) + le(0, 2) + info;
}
inline std::string eof(std::uint16_t status = 2) {
  return "\xfe"s + le(0, 2) + le(status, 2);
}
// An OK packet in the place of an EOF packet (CLIENT_DEPRECATE_EOF).
inline std::string ok_eof(std::uint16_t status = 2) {
  return "\xfe\0\0"s + le(status, 2) + le(0, 2);
}
inline std::string error(std::uint16_t code, const std::string& state) {
  return "\xff"s + le(code, 2) + (state.empty() ? "" : "#" + state) + "near 'CANARY'";
}
inline std::string column(const std::string& name = "CANARY") {
  return "\x03"
         "def" +
         std::string(3, '\0') + static_cast<char>(name.size()) + name + "\0\x0c"s + le(0x21, 2) +
         le(30, 4) + "\xfd"s + le(0, 2) + "\0\0\0"s;
}
inline std::string row(const std::string& value = "CANARY") {
  return static_cast<char>(value.size()) + value;
}

/// A text resultset of one column, with EOF packets.
inline std::string result(unsigned rows, std::uint16_t status = 2, unsigned sequence = 1) {
  std::vector<std::string> all{"\x01", column(), eof()};
  all.insert(all.end(), rows, row());
  all.push_back(eof(status));
  return packets(sequence, all);
}
/// The same without.
inline std::string short_result(unsigned rows, std::uint16_t status = 2, unsigned sequence = 1) {
  std::vector<std::string> all{"\x01", column()};
  all.insert(all.end(), rows, row());
  all.push_back(ok_eof(status));
  return packets(sequence, all);
}
// COM_STMT_PREPARE_OK.
inline std::string prepared(std::uint32_t statement, std::uint16_t columns, std::uint16_t params) {
  return "\0"s + le(statement, 4) + le(columns, 2) + le(params, 2) + "\0\0\0"s;
}

/// A session without deprecated EOF packets, of every kind of command.
inline std::vector<Turn> conversation() {
  return {
      response(greeting()),
      request(login()),
      // Protocol::AuthSwitchRequest
      response(packet(2,
                      "\xfe"
                      "caching_sha2_password\0CANARY_CANARY_CANARY\0"s)),
      request(packet(3, std::string(26, 'x') + "CANARY")),
      response(packet(4, "\x01\x03") + packet(5, ok())),
      request(query("SELECT * FROM users WHERE name = 'CANARY'")),
      response(result(3)),
      request(query("CALL p('CANARY')")),
      response(result(1, 0x0a) + packets(6, {ok(2, "CANARY")})),
      request(prepare("INSERT INTO t VALUES (?, 'CANARY')")),
      response(packets(1, {prepared(7, 1, 2), column("?"), column("?"), eof(), column(), eof()})),
      request(execute(7, "\0\1\x0f\0CANARY"s)),
      response(packets(1, {ok()})),
      request(execute(7, "", 1)),
      response(packets(1, {"\x01", column(), eof(0x42)})),
      request(command(0x1c, le(7, 4) + le(10, 4))),
      response(packets(1, {"\0\0\6CANARY"s, "\0\0\6CANARY"s, eof(0x82)})),
      request(command(0x18, le(7, 4) + le(0, 2) + "CANARY") + close_statement(7) + query("COMMIT")),
      response(packet(1, ok())),
      request(query("SELEC 'CANARY'")),
      response(packet(1, error(1064, "42000"))),
      request(query("LOAD DATA LOCAL INFILE '/CANARY' INTO TABLE t")),
      response(packet(1, "\xfb/CANARY")),
      request(packet(2, "CANARY\n") + packet(3, "")),
      response(packet(4, ok())),
      request(command(2, "CANARY")),
      response(packet(1, ok(0x4002, "CANARY"))),
      request(command(9)),
      response(packet(1, "Uptime: 7  CANARY")),
      request(command(4, "CANARY\0"s)),
      response(packets(1, {column(), column(), eof()})),
      request(command(0x11, "CANARY\0\x14"s + "CANARY_CANARY_CANARY")),
      response(packet(1,
                      "\xfe"
                      "dialog\0CANARY"s)),
      request(packet(2, "CANARY")),
      response(packet(3, error(1045, "28000"))),
      request(command(0x0e)),
      response(packet(1, ok())),
      request(command(1)),
  };
}

/// One of a MariaDB client that leaves out what it can and sends commands before they are answered.
inline std::vector<Turn> pipelined() {
  const std::string last = execute(0xffffffff, "CANARY");
  return {
      response(greeting()),
      request(login(kModern | kLeaveEofs)),
      response(packet(2, ok())),
      request(prepare("SELECT v FROM t WHERE id = ?") + last + query("COMMIT")),
      response(packets(1, {prepared(1, 1, 1), column("?"), column()}) + short_result(2) +
               packet(1, ok())),
      request(query("SELECT 1; SELECT 2 FROM u") + execute(1) + command(0x1f)),
      response(short_result(1, 0x0a) + short_result(0, 2, 5) + short_result(1) + packet(1, ok())),
      request(prepare("SELEC") + last + command(0x0e)),
      response(packet(1, error(1064, "42000")) + packet(1, error(1243, "HY000")) + packet(1, ok())),
      // MARIADB_CLIENT_CACHE_METADATA: no descriptions; a progress report before the result
      request(execute(1)),
      response(packets(1, {"\xff\xff\xff\x01\x01\x02"
                           "\x10\x27\x00"
                           "CANARY"s,
                           "\x01\x00"s, "\0\0\6CANARY"s, ok_eof()})),
      request(command(0x12, le(4, 4) + "CANARY")),
      response(packets(1, {"\0CANARY event"s, "\0CANARY event"s})),
  };
}

inline std::vector<Turn> next_exchange() {
  return {request(query("DELETE FROM last")), response(packet(1, ok()))};
}

}  // namespace tailwhy::test::mysql

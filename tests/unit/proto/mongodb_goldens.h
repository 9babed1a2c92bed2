// Messages of MongoDB's wire protocol as its documents have them (the manual, "MongoDB Wire
// Protocol"; the specification of OP_MSG; bsonspec.org), and conversations of them.
#pragma once

#include "parser_properties.h"

#include <bit>
#include <string>
#include <vector>

namespace tailwhy::test::mongodb {

using namespace std::string_literals;

inline std::string le(std::uint64_t value, int size) {
  std::string text;
  for (int i = 0; i < size; ++i)
    text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

// Elements: a type, a name, a value.
inline std::string text(const std::string& name, const std::string& value) {
  return "\x02" + name + '\0' + le(value.size() + 1, 4) + value + '\0';
}
inline std::string number(const std::string& name, double value) {
  return "\x01" + name + '\0' + le(std::bit_cast<std::uint64_t>(value), 8);
}
inline std::string int32(const std::string& name, std::uint32_t value) {
  return "\x10" + name + '\0' + le(value, 4);
}
inline std::string int64(const std::string& name, std::uint64_t value) {
  return "\x12" + name + '\0' + le(value, 8);
}
inline std::string document(const std::string& elements) {
  return le(elements.size() + 5, 4) + elements + '\0';
}
inline std::string within(const std::string& name,
                          const std::string& elements,
                          char type = '\x03') {
  return type + name + '\0' + document(elements);
}
inline std::string array(const std::string& name, const std::string& elements) {
  return within(name, elements, '\x04');
}

inline std::string message(std::uint32_t id,
                           std::uint32_t answers,
                           std::uint32_t opcode,
                           const std::string& body) {
  return le(body.size() + 16, 4) + le(id, 4) + le(answers, 4) + le(opcode, 4) + body;
}
constexpr std::uint32_t kMore = 1U << 1, kExhaust = 1U << 16;
inline std::string msg(std::uint32_t id,
                       std::uint32_t answers,
                       const std::string& elements,
                       std::uint32_t flags = 0,
                       const std::string& sections = "") {
  return message(id, answers, 2013, le(flags, 4) + '\0' + document(elements) + sections);
}
// A section of kind 1.
inline std::string sequence(const std::string& name, const std::string& documents) {
  return '\1' + le(4 + name.size() + 1 + documents.size(), 4) + name + '\0' + documents;
}
const std::string kDb = text("$db", "CANARY");
const std::string kOk = number("ok", 1);
inline std::string find(std::uint32_t id) {
  return msg(id, 0, text("find", "users") + within("filter", text("name", "CANARY")) + kDb);
}
inline std::string failed(std::uint32_t answers, std::uint32_t code, const std::string& name) {
  return msg(1000 + answers, answers,
             number("ok", 0) + text("errmsg", "CANARY") + int32("code", code) +
                 (name.empty() ? "" : text("codeName", name)));
}
inline std::string ok(std::uint32_t answers) {
  return msg(1000 + answers, answers, int32("n", 1) + kOk);
}
// OP_QUERY on admin.$cmd, and OP_REPLY.
inline std::string old_query(std::uint32_t id, const std::string& elements) {
  return message(id, 0, 2004,
                 le(4, 4) + "admin.$cmd\0"s + le(0, 4) + le(1, 4) + document(elements));
}
inline std::string old_reply(std::uint32_t answers, const std::string& elements, int flags = 8) {
  return message(1000 + answers, answers, 1,
                 le(static_cast<std::uint64_t>(flags), 4) + le(0, 8) + le(0, 4) + le(1, 4) +
                     document(elements));
}
inline std::string compressed(std::uint32_t id, std::uint32_t answers) {
  return message(id, answers, 2012, le(2013, 4) + le(100, 4) + '\2' + "CANARY");
}

inline std::vector<Turn> conversation() {
  const std::string cursor =
      within("cursor", int64("id", 0) + text("ns", "CANARY.users") +
                           array("firstBatch", within("0", text("name", "CANARY"))));
  return {
      request(old_query(1, int32("isMaster", 1) + within("client", text("driver", "CANARY")))),
      response(old_reply(1, "\x08ismaster\0\1"s + kOk)),
      request(
          msg(2, 0, int32("saslStart", 1) + "\x05payload\0"s + le(6, 4) + '\0' + "CANARY" + kDb)),
      response(failed(2, 18, "AuthenticationFailed")),
      request(find(3)),
      response(msg(1003, 3, cursor + kOk)),
      request(msg(4, 0, text("insert", "carts") + kDb, 0,
                  sequence("documents", document(text("_id", "CANARY")) + document("")))),
      response(msg(1004, 4,
                   int32("n", 0) +
                       array("writeErrors", within("0", int32("index", 0) + int32("code", 11000) +
                                                            text("errmsg", "CANARY"))) +
                       kOk)),
      request(msg(5, 0, text("update", "carts") + kDb, kMore,
                  sequence("updates", document(text("q", "CANARY")))) +
              msg(6, 0, int64("getMore", 77) + text("collection", "users") + kDb)),
      response(msg(1006, 6, cursor + kOk)),
      // an answer that goes on: each message answers the one before
      request(msg(7, 0, int64("getMore", 78) + text("collection", "logs") + int32("maxTimeMS", 9),
                  kExhaust)),
      response(msg(2001, 7, cursor + kOk, kMore) + msg(2002, 2001, cursor + kOk, kMore)),
      response(msg(2003, 2002, kOk)),
      request(compressed(8, 0)),
      response(compressed(1008, 8)),
      request(msg(9, 0, int32("CANARY", 1) + kDb) +
              msg(10, 0, text("drop", "no such CANARY") + kDb)),
      response(failed(9, 59, "CommandNotFound") + failed(10, 26, "")),
  };
}

inline std::vector<Turn> next_exchange() {
  return {request(msg(90, 0, text("count", "last") + kDb)), response(ok(90))};
}

}  // namespace tailwhy::test::mongodb

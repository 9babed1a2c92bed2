// Messages of the DNS as RFC 1035 4.1 has them, written field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tailwhy::test::dns_wire {

inline std::string be(std::uint64_t value, int size) {
  std::string text;
  while (size-- > 0)
    text += static_cast<char>(value >> 8 * size & 0xff);
  return text;
}

/// "www.example." with the lengths of its labels.
inline std::string name(std::string_view dotted) {
  std::string bytes;
  while (!dotted.empty()) {
    const std::size_t size = dotted.find('.');
    bytes += static_cast<char>(size);
    bytes += dotted.substr(0, size);
    dotted.remove_prefix(size + 1);
  }
  return bytes + '\0';
}

struct Counts {
  int questions = 1;
  int answers = 0;
  int authorities = 0;
  int additionals = 0;
};

inline std::string header(int id, int flags, Counts counts = {}) {
  return be(id, 2) + be(flags, 2) + be(counts.questions, 2) + be(counts.answers, 2) +
         be(counts.authorities, 2) + be(counts.additionals, 2);
}

inline constexpr int kWanted = 0x0100;    // RD
inline constexpr int kAnswered = 0x8180;  // QR RD RA

inline std::string question(std::string_view of, int type, int zone_class = 1) {
  return name(of) + be(type, 2) + be(zone_class, 2);
}
inline std::string ask(int id, std::string_view of, int type, int flags = kWanted) {
  return header(id, flags) + question(of, type);
}

inline const std::string kSame = "\xc0\x0c";  // the name of the question

inline std::string record(const std::string& of, int type, const std::string& data, int ttl = 300) {
  return of + be(type, 2) + be(1, 2) + be(ttl, 4) + be(data.size(), 2) + data;
}
inline std::string address(std::string_view data = "\x7f\x01\x02\x03") {
  return record(kSame, 1, std::string(data));
}
inline std::string soa(int serial) {
  return record(
      kSame, 6,
      name("ns.CANARY.") + name("root.CANARY.") + be(serial, 4) + std::string(16, '\x01'));
}
/// RFC 6891; `upper`: of the RCODE.
inline std::string opt(int upper = 0) {
  return std::string(1, '\0') + be(41, 2) + be(1232, 2) + be(upper, 1) + std::string(5, '\0');
}

/// RFC 7766: with its length before it.
inline std::string framed(const std::string& message) {
  return be(message.size(), 2) + message;
}

}  // namespace tailwhy::test::dns_wire

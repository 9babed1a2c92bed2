// DNS over TCP: bytes as RFC 1035, 5936, 6891 and 7766 have them.
#include "proto/dns.h"

#include "dns_wire.h"
#include "parser_properties.h"
#include "proto/dns_questions.h"
#include "proto/dns_words.h"

#include <catch2/catch.hpp>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace tailwhy::test::dns_wire;

namespace {

constexpr int kA = 1, kSoa = 6, kAaaa = 28, kIxfr = 251, kAxfr = 252, kAny = 255;
constexpr int kNotified = 0x2400, kUpdated = 0x2800;

std::string stream(int id) {
  return fmt::format(" stream {}", 65536 + id);
}

std::string good(int id, std::string_view of, int type = kA) {
  return header(id, kAnswered, {.answers = 1}) + question(of, type) + address();
}
std::string bad(int id, std::string_view of, int code, int type = kA) {
  return header(id, kAnswered | code, {.additionals = 1}) + question(of, type) + opt();
}
// One of the messages of a transfer; without a question, as later ones may be.
std::string part(int id, int records, const std::string& data, bool with_question = true) {
  return header(id, 0x8400, {.questions = with_question ? 1 : 0, .answers = records}) +
         (with_question ? question("zone.CANARY.", kAxfr) : "") + data;
}

std::vector<Turn> conversation() {
  return {request(framed(ask(0, "one.CANARY.", kA)) + framed(ask(1, "two.CANARY.", kAaaa)) +
                  framed(header(2, kWanted, {.additionals = 1}) + question("three.CANARY.", kAny) +
                         opt())),
          response(framed(good(2, "three.CANARY.", kAny)) + framed(bad(0, "one.CANARY.", 3))),
          response(framed(bad(1, "two.CANARY.", 2, kAaaa))),
          request(framed(header(3, kNotified, {.answers = 1}) + question("zone.CANARY.", kSoa) +
                         soa(7))),
          response(framed(header(3, 0xa400) + question("zone.CANARY.", kSoa))),
          request(framed(ask(4, "zone.CANARY.", kAxfr))),
          response(framed(part(4, 2, soa(7) + address())) + framed(part(4, 1, address(), false)) +
                   framed(part(4, 2, address("\x01\x02\x03\x04") + soa(7)))),
          request(framed(ask(4, "zone.CANARY.", kAxfr))),
          response(framed(part(4, 2, soa(7) + address())) + framed(part(4, 1, address()))),
          request(framed(ask(5, "last.CANARY.", 4711))),
          response(framed(header(5, kAnswered | 5, {.questions = 0})))};
}

std::vector<Turn> next_exchange() {
  return {request(framed(ask(77, "next.example.", kA))),
          response(framed(good(77, "next.example.")))};
}

Lines only(const Lines& lines, std::string_view words) {
  Lines found;
  std::copy_if(lines.begin(), lines.end(), std::back_inserter(found),
               [words](const std::string& line) { return line.find(words) != std::string::npos; });
  return found;
}

Lines statuses(const std::vector<Turn>& turns) {
  Lines found = only(lines_of(kDns, turns), "response head ");
  for (std::string& line : found) {
    line.erase(line.find(" stream"));
    line.erase(0, std::string_view("response head ").size());
  }
  return found;
}

// The status of an answer to a question for the address of "a.".
std::string status(const std::string& answer) {
  const Lines found = statuses({request(framed(ask(1, "a.", kA))), response(framed(answer))});
  return found.size() == 1 ? found[0] : fmt::format("{} heads", found.size());
}

}  // namespace

TEST_CASE("dns: questions and answers by their ids, in any order", "[proto][dns]") {
  const std::string one = framed(ask(0, "one.example.", kA));
  const std::string two = framed(ask(0xffff, "two.example.", kAaaa));
  const std::string answer = framed(good(0xffff, "two.example.", kAaaa));
  const std::string no = framed(bad(0, "one.example.", 3));
  CHECK(lines_of(kDns, {request(one + two), response(answer + no)}) ==
        Lines{"request begin 0" + stream(0), "request head A - -" + stream(0),
              fmt::format("request end {} framing{} size {}", one.size(), stream(0), one.size()),
              fmt::format("request begin {}", one.size()) + stream(0xffff),
              "request head AAAA - -" + stream(0xffff),
              fmt::format("request end {} framing{} size {}", one.size() + two.size(),
                          stream(0xffff), two.size()),
              "response begin 0" + stream(0xffff), "response head NOERROR" + stream(0xffff),
              fmt::format("response end {} framing{} size {}", answer.size(), stream(0xffff),
                          answer.size()),
              fmt::format("response begin {}", answer.size()) + stream(0),
              "response head NXDOMAIN" + stream(0),
              fmt::format("response end {} framing{} size {}", answer.size() + no.size(), stream(0),
                          no.size())});
}

TEST_CASE("dns: an answer to another question is nobody's", "[proto][dns]") {
  const Turn asked = request(framed(ask(9, "name.example.", kA)));
  const auto begins = [&](const std::string& answer) {
    return only(lines_of(kDns, {asked, response(framed(answer))}), "response begin");
  };
  CHECK(begins(good(9, "name.example.")) == Lines{"response begin 0" + stream(9)});
  CHECK(begins(good(9, "NaMe.eXample.")) == Lines{"response begin 0" + stream(9)});
  CHECK(begins(header(9, kAnswered | 1, {.questions = 0})) ==
        Lines{"response begin 0" + stream(9)});
  CHECK(begins(good(9, "names.example.")) == Lines{"response begin 0 stream 131081"});
  CHECK(begins(good(9, "name.example.", kAaaa)) == Lines{"response begin 0 stream 131081"});
}

TEST_CASE("dns: what is asked for by its type, or by its opcode", "[proto][dns]") {
  const auto head = [](const std::string& message) {
    return lines_of(kDns, {request(framed(message))})[1];
  };
  CHECK_THAT(head(ask(1, "a.", 65)), Catch::StartsWith("request head HTTPS - - stream"));
  CHECK_THAT(head(ask(1, "a.", 4711)), Catch::StartsWith("request head _OTHER - - stream"));
  CHECK_THAT(head(ask(1, "a.", kSoa, kNotified)), Catch::Contains("head NOTIFY -"));
  CHECK_THAT(head(ask(1, "a.", kSoa, kUpdated)), Catch::Contains("head UPDATE -"));
  CHECK_THAT(head(header(1, kWanted, {.questions = 0})), Catch::Contains("head _OTHER -"));
  CHECK_THAT(head(header(0, 0x3000, {.questions = 0}) + "keep"),
             Catch::Contains("DSO - - one-way"));
  CHECK_THAT(head(header(8, 0x3000, {.questions = 0}) + "keep"),
             !Catch::Contains("one-way") && Catch::Contains("DSO"));
}

TEST_CASE("dns: names of types", "[proto][dns]") {
  for (const auto& [type, text] :
       std::vector<std::pair<int, std::string_view>>{{1, "A"},
                                                     {28, "AAAA"},
                                                     {33, "SRV"},
                                                     {64, "SVCB"},
                                                     {252, "AXFR"},
                                                     {257, "CAA"},
                                                     {32769, "DLV"},
                                                     {0, "_OTHER"},
                                                     {54, "_OTHER"},
                                                     {32770, "_OTHER"},
                                                     {65535, "_OTHER"}}) {
    CHECK(dns::type_name(static_cast<std::uint16_t>(type)) == text);
  }
}

TEST_CASE("dns: how an answer went", "[proto][dns]") {
  CHECK(status(good(1, "a.")) == "NOERROR");
  CHECK(status(bad(1, "a.", 0)) == "NOERROR");
  CHECK(status(bad(1, "a.", 1)) == "FORMERR client error");
  CHECK(status(bad(1, "a.", 2)) == "SERVFAIL error");
  CHECK(status(bad(1, "a.", 3)) == "NXDOMAIN");
  CHECK(status(bad(1, "a.", 4)) == "NOTIMP error");
  CHECK(status(bad(1, "a.", 5)) == "REFUSED client error");
  CHECK(status(bad(1, "a.", 8)) == "NXRRSET");
  CHECK(status(bad(1, "a.", 9)) == "NOTAUTH client error");
  CHECK(status(bad(1, "a.", 13)) == "_OTHER unknown");
}

TEST_CASE("dns: the upper bits of a code are in a record of their own", "[proto][dns]") {
  const auto with = [](int code, const std::string& records, int count) {
    return header(1, kAnswered | code, {.additionals = count}) + question("a.", kA) + records;
  };
  CHECK(status(with(0, opt(1), 1)) == "BADVERS client error");
  CHECK(status(with(7, opt(1), 1)) == "BADCOOKIE client error");
  CHECK(status(with(0, record(kSame, 1, "data") + opt(1), 2)) == "BADVERS client error");
  CHECK(status(with(0, record(kSame, 1, "data"), 1)) == "NOERROR");
  CHECK(status(with(0, opt(1) + record(kSame, 1, "data"), 2)) == "BADVERS client error");
  // announced and not there
  CHECK(status(with(0, "", 1)) == "0 unknown");
  CHECK(status(with(0, opt(1).substr(0, 7), 1)) == "0 unknown");
  // beyond what is looked at
  CHECK(status(with(0, record(kSame, 1, std::string(2000, 'x')) + opt(1), 2)) == "0 unknown");
  // what has something to show went well
  CHECK(status(header(1, kAnswered, {.answers = 1, .additionals = 1}) + question("a.", kA)) ==
        "NOERROR");
}

TEST_CASE("dns: a transfer is one answer of many messages", "[proto][dns]") {
  const auto ends = [](const std::vector<std::string>& messages, int type = kAxfr) {
    std::string bytes;
    for (const std::string& message : messages)
      bytes += framed(message);
    ParserDriver driver(kDns);
    driver.request(framed(ask(4, "zone.CANARY.", type))).response(bytes);
    return std::pair(only(driver.take(), "response end"), bytes.size());
  };
  const auto ended = [](std::size_t size) {
    return Lines{fmt::format("response end {} framing{} size {}", size, stream(4), size)};
  };
  const std::string first = part(4, 2, soa(7) + address());
  const std::string middle = part(4, 2, address() + address(), false);
  const std::string last = part(4, 2, address() + soa(7));
  {
    const auto [lines, size] = ends({first, middle, last});
    CHECK(lines == ended(size));
  }
  {
    const auto [lines, size] = ends({part(4, 3, soa(7) + address() + soa(7))});
    CHECK(lines == ended(size));
  }
  {
    const auto [lines, size] = ends({part(4, 1, soa(7)), middle, part(4, 1, soa(7))});
    CHECK(lines == ended(size));
  }
  {
    const auto [lines, size] = ends({bad(4, "zone.CANARY.", 5)});
    CHECK(lines == Lines{fmt::format("response end {} framing stream 131076 size {}", size, size)});
  }
  {
    const auto [lines, size] = ends({header(4, 0x8405) + question("zone.CANARY.", kAxfr)});
    CHECK(lines == ended(size));
  }
  {
    const auto [lines, size] = ends({header(4, 0x8400) + question("zone.CANARY.", kAxfr)});
    CHECK(lines == ended(size));
  }
  {
    const std::string error = header(4, 0x8402, {.questions = 0});
    const auto [lines, size] = ends({first, error});
    CHECK(lines == ended(size));
  }
  {
    const std::string same =
        header(4, 0x8400, {.answers = 1}) + question("zone.CANARY.", kIxfr) + soa(7);
    const auto [lines, size] = ends({same}, kIxfr);
    CHECK(lines == ended(size));
  }
}

TEST_CASE("dns: a transfer whose end is not read ends with its last message", "[proto][dns]") {
  const std::string asked = framed(ask(4, "zone.CANARY.", kAxfr));
  const std::string first = framed(part(4, 2, soa(7) + address()));
  const std::string big = be(20'000, 2) + part(4, 90, address());
  ParserDriver driver(kDns);
  driver.request(asked).response(first + big).skip(Side::Response, 20'002 - big.size());
  CHECK(only(driver.take(), "response end").empty());
  driver.turn(Side::Request);
  const std::size_t size = first.size() + 20'002;
  CHECK(driver.take() ==
        Lines{fmt::format("response end {} direction_reversal{} size {}", size, stream(4), size)});
  driver.request(asked).response(first);
  CHECK(only(driver.take(), "response end").empty());
  driver.finish(Side::Response);
  CHECK(driver.take() == Lines{fmt::format("response end {} close{} size {}", size + first.size(),
                                           stream(4), first.size())});
}

TEST_CASE("dns: what cannot be DNS is a mistake, or lost", "[proto][dns]") {
  CHECK(lines_of(kDns, {request(framed(good(1, "a.")))}) == Lines{"request mistaken 0"});
  CHECK(lines_of(kDns, {request(framed(header(1, 0x7800)))}) == Lines{"request mistaken 0"});
  CHECK(lines_of(kDns, {request(be(11, 2) + "xxxxxxxxxxx")}) == Lines{"request lost 0"});
  const std::string fine = framed(ask(1, "a.", kA));
  const Lines lines = lines_of(kDns, {request(fine + framed(good(2, "a.")) + fine)});
  REQUIRE(lines.size() == 4);
  CHECK(lines[3] == fmt::format("request lost {}", fine.size()));
}

TEST_CASE("dns: what a server says of itself is gone over", "[proto][dns]") {
  const std::string push = framed(header(0, 0x3000, {.questions = 0}) + "subscribed");
  const Lines lines = lines_of(
      kDns, {request(framed(ask(1, "a.", kA))), response(push + framed(good(1, "a.")) + push)});
  CHECK(only(lines, "response begin") ==
        Lines{fmt::format("response begin {}{}", push.size(), stream(1))});
  CHECK(only(lines, "lost").empty());
}

TEST_CASE("dns: names that cannot be are read without harm", "[proto][dns]") {
  const std::string self = header(1, kWanted) + kSame + be(kA, 2) + be(1, 2);
  const std::string reserved = header(1, kWanted) + "\x80" + std::string(40, 'x');
  std::string endless = header(1, kWanted);
  for (int i = 0; i < 100; ++i)
    endless += "\x3f" + std::string(63, 'x');
  for (const std::string& message : {self, reserved, endless}) {
    const Lines lines = lines_of(
        kDns, {request(framed(message)),
               response(framed(header(1, kAnswered, {.questions = 65535, .answers = 65535})))});
    CHECK(only(lines, "request head").size() == 1);
    CHECK(only(lines, "response end").size() == 1);
  }
  const Lines other = lines_of(kDns, {request(framed(reserved))});
  CHECK_THAT(other[1], Catch::Contains("_OTHER"));
}

TEST_CASE("dns: cut anywhere, with gaps anywhere, and as recorded", "[proto][dns]") {
  check_every_split(kDns, conversation());
  Lines unknown;
  for (const int id : {0, 1, 2, 3, 4, 5})
    unknown.push_back("response head 0 unknown" + stream(id));
  check_every_gap(kDns, conversation(), next_exchange(), unknown);
  check_masked(kDns, conversation(), {"CANARY", "root", "\x7f\x01\x02\x03", "\x01\x01\x01\x01"});
}

TEST_CASE("dns: a body that was not captured loses nothing", "[proto][dns]") {
  ParserDriver driver(kDns);
  const std::string big =
      be(60'000, 2) + header(9, kUpdated, {.authorities = 900}) + question("zone.example.", kSoa);
  driver.turn(Side::Request).feed(Side::Request, big).skip(Side::Request, 60'002 - big.size());
  driver.feed(Side::Request, framed(ask(10, "a.", kA)));
  const Lines lines = driver.take();
  REQUIRE(lines.size() == 6);
  CHECK(lines[1] == "request head UPDATE - -" + stream(9));
  CHECK_THAT(lines[2], Catch::Contains("request end 60002 framing"));
  CHECK_THAT(lines[3], Catch::Contains("request begin 60002"));
}

TEST_CASE("dns: what is not remembered is matched by its id alone", "[proto][dns]") {
  dns::Questions questions;
  const dns::Question question{.type = kAxfr, .zone_class = 1, .shape = 5, .end = 0};
  for (std::size_t id = 0; id < 2 * dns::Questions::kMost; ++id)
    CHECK(questions.ask(static_cast<std::uint16_t>(id), question) == 65536 + id);
  const dns::Answer one{.code = 0, .records = 1, .ends_with_soa = false};
  CHECK_FALSE(questions.answer(0, question, one, 10).last);
  CHECK(questions.answer(dns::Questions::kMost, question, one, 10).last);
  std::size_t ended = 0;
  questions.end_begun([&](std::uint64_t, std::uint64_t size) { ended += size; });
  CHECK(ended == 10);
}

TEST_CASE("dns: detected by content", "[proto][dns]") {
  const auto detect = [](const std::string& bytes) {
    return kDns.detect(Side::Request, as_bytes(bytes));
  };
  const std::string with_opt =
      header(1, 0x0120, {.additionals = 1}) + question("www.example.com.", kAaaa) + opt();
  const std::string notify =
      header(3, kNotified, {.answers = 1}) + question("zone.example.", kSoa) + soa(7);
  for (const std::string& yes :
       {framed(ask(0, "www.example.com.", kA)), framed(ask(0xffff, "", 2)), framed(with_opt),
        framed(notify), framed(ask(5, "zone.example.", kSoa, kUpdated)),
        framed(ask(7, "version.bind.", 16).replace(29, 1, "\x03"))}) {
    CHECK(detect(yes) == Confidence::Yes);
    for (std::size_t size = 0; size < std::min<std::size_t>(yes.size(), 32); ++size) {
      INFO(size);
      CHECK(detect(yes.substr(0, size)) != Confidence::No);
      if (size < 19) CHECK(detect(yes.substr(0, size)) == Confidence::NeedMore);
    }
  }
  CHECK(detect(framed(with_opt).substr(0, 32)) == Confidence::Yes);
  for (const std::string& no :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), framed(good(1, "a.example.")),
        framed(ask(1, "a.example.", kA, 0x0140)), framed(ask(1, "a.example.", kA, 0x0103)),
        framed(ask(1, "a.example.", kA, 0x0300)), framed(ask(1, "a.example.", kA, 0x1000)),
        framed(header(1, kWanted, {.questions = 2}) + question("a.", kA) + question("b.", kA)),
        framed(header(1, kWanted, {.answers = 1}) + question("a.", kA) + address()),
        framed(ask(1, "a.example.", kA) + "more"), framed(ask(1, "a b.example.", kA)),
        framed(header(1, kWanted) + question("a.example.", kA, 77)),
        framed(header(1, kWanted) + question("a.example.", 0)), std::string(40, '\0'),
        framed(ask(1, "a.example.", kA)).replace(0, 2, be(10, 2)),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(40, 'r'),
        be(16, 2) + header(1, kWanted) + std::string(4, '\0')}) {
    CHECK(detect(no) == Confidence::No);
  }
  CHECK(kDns.detect(Side::Response, as_bytes(framed(good(1, "a.")))) == Confidence::No);
}

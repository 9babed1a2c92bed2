// DNS over UDP: what one datagram says, and what of it a recording may hold.
#include "dns_wire.h"
#include "parser_driver.h"
#include "proto/datagram.h"
#include "proto/dns.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <optional>

using namespace tailwhy;
using namespace tailwhy::test;
using namespace tailwhy::test::dns_wire;
using Verdict = ResponseHead::Verdict;

namespace {

std::optional<Datagram> tell(const std::string& bytes, std::size_t size = 0) {
  Datagram told;
  if (!kDnsDatagrams.read(as_bytes(bytes), size == 0 ? bytes.size() : size, told, nullptr))
    return std::nullopt;
  return told;
}

std::string masked(std::string bytes) {
  Datagram told;
  std::vector<SecretSpan> secrets;
  REQUIRE(kDnsDatagrams.read(as_bytes(bytes), bytes.size(), told, &secrets));
  for (const SecretSpan& span : secrets)
    bytes.replace(span.offset, span.size, std::string(span.size, 'x'));
  return bytes;
}

const std::string kAsked = ask(0xbeef, "www.CANARY.", 28);
const std::string kAnswer =
    header(0xbeef, kAnswered, {.answers = 1}) + question("www.CANARY.", 28) + address();

bool passes_mask(const std::string& bytes) {
  std::uint64_t first = 0;
  std::memcpy(&first, bytes.data(), sizeof(first));
  return (first & kDnsDatagrams.mask) == kDnsDatagrams.value;
}

}  // namespace

TEST_CASE("dns: a question and its answer in datagrams", "[proto][dns]") {
  const auto asked = tell(kAsked), answer = tell(kAnswer);
  REQUIRE(asked);
  REQUIRE(answer);
  CHECK(asked->side == Side::Request);
  CHECK(asked->request.method.view() == "AAAA");
  CHECK(answer->side == Side::Response);
  CHECK(answer->response.status_text.view() == "NOERROR");
  CHECK(answer->response.verdict == Verdict::Ok);
  CHECK(asked->id == answer->id);
  CHECK(asked->subject == answer->subject);
  CHECK(tell(ask(0xbeef, "w.CANARY.", 28))->subject != asked->subject);
  CHECK(tell(ask(0xbeef, "www.CANARY.", 1))->subject != asked->subject);
  CHECK(tell(header(1, kAnswered | 1, {.questions = 0}))->subject == 0);
}

TEST_CASE("dns: of a datagram that was cut what is missing is unknown", "[proto][dns]") {
  const std::string many = header(1, kAnswered, {.answers = 30}) + question("a.", 16);
  CHECK(tell(many + address(), 1200)->response.verdict == Verdict::Ok);
  const std::string failed = header(1, kAnswered, {.additionals = 1}) + question("a.", 16);
  CHECK(tell(failed, 600)->response.verdict == Verdict::Unknown);
}

TEST_CASE("dns: what is no message is not read", "[proto][dns]") {
  CHECK_FALSE(tell(""));
  CHECK_FALSE(tell(kAsked.substr(0, 11)));
  CHECK_FALSE(tell(kAsked + "more"));
  CHECK_FALSE(tell(header(1, kWanted, {.questions = 2}) + question("a.", 1) + question("b.", 1)));
  CHECK_FALSE(tell(header(1, kAnswered | 0x40) + question("a.", 1)));
  CHECK_FALSE(tell(header(1, kAnswered, {.questions = 2}) + question("a.", 1)));
  CHECK_FALSE(tell(header(1, 0xf800) + question("a.", 1)));
}

TEST_CASE("dns: the mask lets all messages through, and little else", "[proto][dns]") {
  CHECK(passes_mask(kAsked));
  CHECK(passes_mask(kAnswer));
  CHECK(passes_mask(header(0xffff, 0xffbf, {.questions = 0})));
  CHECK(passes_mask(header(0, 0x2800, {.answers = 9})));
  CHECK_FALSE(passes_mask(header(1, kAnswered | 0x40)));
  CHECK_FALSE(passes_mask(header(1, kAnswered, {.questions = 2})));
  CHECK_FALSE(passes_mask(header(1, kAnswered, {.questions = 256})));
}

TEST_CASE("dns: a datagram as recorded says the same", "[proto][dns]") {
  for (const std::string& bytes :
       {kAsked, kAnswer,
        header(1, kAnswered | 3, {.additionals = 1}) + question("CANARY.", 1) + opt(1)}) {
    const std::string kept = masked(bytes);
    CHECK(kept.find("CANARY") == std::string::npos);
    CHECK(kept.find("\x7f\x01\x02\x03") == std::string::npos);
    const auto before = tell(bytes), after = tell(kept);
    REQUIRE(after);
    CHECK(after->subject == before->subject);
    CHECK(after->request.method == before->request.method);
    CHECK(after->response.status_text == before->response.status_text);
  }
}

// DNS over UDP (RFC 1035 4.2.1): a message is a datagram.
#include "proto/datagram.h"
#include "proto/dns.h"
#include "proto/dns_message.h"
#include "proto/dns_words.h"

namespace tailwhy {
namespace {

bool read_datagram(std::span<const std::byte> bytes,
                   std::size_t size,
                   Datagram& told,
                   std::vector<SecretSpan>* secrets) {
  if (bytes.size() < dns::kHeader) return false;
  const dns::Header header = dns::read_header(bytes);
  if (!header.answer && dns::detect_request(bytes, size) != Confidence::Yes) return false;
  if (header.reserved || header.questions > 1) return false;
  if (dns::opcode_name(header.opcode).empty()) return false;
  const auto question = dns::read_question(bytes);
  told.side = header.answer ? Side::Response : Side::Request;
  told.id = header.id;
  told.subject = question ? question->shape : 0;
  if (header.answer) {
    const dns::Answer answer = dns::read_answer(bytes);
    told.response.verdict = ResponseHead::Verdict::Unknown;
    if (answer.code) {
      told.response.verdict = dns::verdict_of(*answer.code);
      told.response.status_text.assign(dns::code_name(*answer.code));
    }
  } else if (header.opcode != dns::kQuery) {
    told.request.method.assign(dns::opcode_name(header.opcode));
  } else if (question) {
    told.request.method.assign(dns::type_name(question->type));
  }
  if (secrets != nullptr) dns::find_secrets(bytes, 0, *secrets);
  return true;
}

// At most one question, and the bit that must be zero is.
constexpr std::uint64_t kMask = 0x0000'feff'4000'0000;

}  // namespace

const DatagramSpec kDnsDatagrams{.read = read_datagram, .mask = kMask, .value = 0};

}  // namespace tailwhy

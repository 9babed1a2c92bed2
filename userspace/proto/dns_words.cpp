#include "proto/dns_words.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace tailwhy::dns {
namespace {

using Word = std::pair<std::uint16_t, std::string_view>;
constexpr std::string_view kOther = "_OTHER";

constexpr Word kTypes[] = {
    {1, "A"},           {2, "NS"},      {3, "MD"},         {4, "MF"},        {5, "CNAME"},
    {6, "SOA"},         {7, "MB"},      {8, "MG"},         {9, "MR"},        {10, "NULL"},
    {11, "WKS"},        {12, "PTR"},    {13, "HINFO"},     {14, "MINFO"},    {15, "MX"},
    {16, "TXT"},        {17, "RP"},     {18, "AFSDB"},     {19, "X25"},      {20, "ISDN"},
    {21, "RT"},         {22, "NSAP"},   {23, "NSAP-PTR"},  {24, "SIG"},      {25, "KEY"},
    {26, "PX"},         {27, "GPOS"},   {28, "AAAA"},      {29, "LOC"},      {30, "NXT"},
    {31, "EID"},        {32, "NIMLOC"}, {33, "SRV"},       {34, "ATMA"},     {35, "NAPTR"},
    {36, "KX"},         {37, "CERT"},   {38, "A6"},        {39, "DNAME"},    {40, "SINK"},
    {41, "OPT"},        {42, "APL"},    {43, "DS"},        {44, "SSHFP"},    {45, "IPSECKEY"},
    {46, "RRSIG"},      {47, "NSEC"},   {48, "DNSKEY"},    {49, "DHCID"},    {50, "NSEC3"},
    {51, "NSEC3PARAM"}, {52, "TLSA"},   {53, "SMIMEA"},    {55, "HIP"},      {56, "NINFO"},
    {57, "RKEY"},       {58, "TALINK"}, {59, "CDS"},       {60, "CDNSKEY"},  {61, "OPENPGPKEY"},
    {62, "CSYNC"},      {63, "ZONEMD"}, {64, "SVCB"},      {65, "HTTPS"},    {66, "DSYNC"},
    {99, "SPF"},        {100, "UINFO"}, {101, "UID"},      {102, "GID"},     {103, "UNSPEC"},
    {104, "NID"},       {105, "L32"},   {106, "L64"},      {107, "LP"},      {108, "EUI48"},
    {109, "EUI64"},     {249, "TKEY"},  {250, "TSIG"},     {251, "IXFR"},    {252, "AXFR"},
    {253, "MAILB"},     {254, "MAILA"}, {255, "ANY"},      {256, "URI"},     {257, "CAA"},
    {258, "AVC"},       {259, "DOA"},   {260, "AMTRELAY"}, {261, "RESINFO"}, {262, "WALLET"},
    {32768, "TA"},      {32769, "DLV"},
};
static_assert(std::ranges::is_sorted(kTypes, {}, &Word::first));

using Verdict = ResponseHead::Verdict;
struct Code {
  std::uint16_t code;
  std::string_view name;
  Verdict verdict;
};
constexpr Code kCodes[] = {
    {0, "NOERROR", Verdict::Ok},
    {1, "FORMERR", Verdict::ClientError},
    {2, "SERVFAIL", Verdict::ServerError},
    {3, "NXDOMAIN", Verdict::Ok},
    {4, "NOTIMP", Verdict::ServerError},
    {5, "REFUSED", Verdict::ClientError},
    {6, "YXDOMAIN", Verdict::Ok},
    {7, "YXRRSET", Verdict::Ok},
    {8, "NXRRSET", Verdict::Ok},
    {9, "NOTAUTH", Verdict::ClientError},
    {10, "NOTZONE", Verdict::ClientError},
    {11, "DSOTYPENI", Verdict::ClientError},
    {16, "BADVERS", Verdict::ClientError},
    {17, "BADKEY", Verdict::ClientError},
    {18, "BADTIME", Verdict::ClientError},
    {19, "BADMODE", Verdict::ClientError},
    {20, "BADNAME", Verdict::ClientError},
    {21, "BADALG", Verdict::ClientError},
    {22, "BADTRUNC", Verdict::ClientError},
    {23, "BADCOOKIE", Verdict::ClientError},
};
static_assert(std::ranges::is_sorted(kCodes, {}, &Code::code));

const Code* find_code(std::uint16_t code) {
  const auto* found = std::ranges::lower_bound(kCodes, code, {}, &Code::code);
  return found != std::end(kCodes) && found->code == code ? found : nullptr;
}

}  // namespace

std::string_view type_name(std::uint16_t type) {
  const auto* found = std::ranges::lower_bound(kTypes, type, {}, &Word::first);
  return found != std::end(kTypes) && found->first == type ? found->second : kOther;
}

std::string_view opcode_name(std::uint8_t opcode) {
  constexpr std::array<std::string_view, 7> kNames = {"QUERY",  "IQUERY", "STATUS", "",
                                                      "NOTIFY", "UPDATE", "DSO"};
  return opcode < kNames.size() ? kNames[opcode] : std::string_view();
}

std::string_view code_name(std::uint16_t code) {
  const Code* found = find_code(code);
  return found != nullptr ? found->name : kOther;
}

Verdict verdict_of(std::uint16_t code) {
  const Code* found = find_code(code);
  return found != nullptr ? found->verdict : Verdict::Unknown;
}

}  // namespace tailwhy::dns

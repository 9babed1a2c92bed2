// From the client protocol's reference (docs.nats.io) and the errors that nats-server 2.9 sends.
#include "proto/nats_words.h"

#include <algorithm>
#include <iterator>

namespace tailwhy::nats {
namespace {

using What = Operation::What;
using Who = Operation::Who;

// No name has an 'x': so nothing that was masked looks like one. Those with a sign after the name,
// and RMSG and LMSG, are said between servers.
constexpr Operation kOperations[] = {
    {"PUB", What::Payload, Who::Client, 2, 3},
    {"MSG", What::Payload, Who::Server, 3, 4},
    {"PING", What::Ping, Who::Client},
    {"PONG", What::Pong},
    {"HPUB", What::Payload, Who::Client, 3, 4},
    {"HMSG", What::Payload, Who::Server, 4, 5},
    {"+OK", What::Ok},
    {"SUB", What::Line, Who::Client, 2, 3},
    {"UNSUB", What::Line, Who::Client, 1, 2},
    {"CONNECT", What::Connect, Who::Client},
    {"INFO", What::Info},
    {"-ERR", What::Error},
    {"RS+", What::Line, Who::Servers, 2, 4},
    {"RS-", What::Line, Who::Servers, 2, 3},
    {"LS+", What::Line, Who::Servers, 1, 3},
    {"LS-", What::Line, Who::Servers, 1, 2},
    {"A+", What::Line, Who::Servers, 1, 1},
    {"A-", What::Line, Who::Servers, 1, 1},
    {"RMSG", What::Payload, Who::Servers, 3, 250},
    {"LMSG", What::Payload, Who::Servers, 2, 250},
};

constexpr Error kErrors[] = {
    {"Unknown Protocol Operation", "UnknownProtocolOperation"},
    {"Authorization Violation", "AuthorizationViolation"},
    {"Authentication Timeout", "AuthenticationTimeout"},
    {"User Authentication Expired", "AuthenticationExpired"},
    {"User Authentication Revoked", "AuthenticationRevoked"},
    {"Account Authentication Expired", "AuthenticationExpired"},
    {"Permissions Violation", "PermissionsViolation", false},
    {"Invalid Subject", "InvalidSubject", false},
    {"Invalid Publish Subject", "InvalidPublishSubject", false, true},
    {"maximum subscriptions exceeded", "MaxSubscriptionsExceeded", false},
    {"Maximum Payload Violation", "MaxPayloadViolation"},
    {"Maximum Connections Exceeded", "MaxConnectionsExceeded"},
    {"maximum account active connections exceeded", "MaxConnectionsExceeded"},
    {"Maximum Control Line Exceeded", "MaxControlLineExceeded"},
    {"Stale Connection", "StaleConnection"},
    {"Slow Consumer", "SlowConsumer"},
    {"Parser Error", "ParserError"},
    {"Invalid Client Protocol", "InvalidClientProtocol"},
    {"Attempted To Connect To Route Port", "ConnectToRoutePort"},
    {"Secure Connection - TLS Required", "SecureConnectionRequired"},
    {"message headers not supported", "HeadersNotSupported"},
};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
bool same_letter(char a, char b) {
  return a == upper(b);
}

}  // namespace

const Operation* find_operation(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kOperations), std::end(kOperations), [name](const Operation& each) {
        return std::equal(each.name.begin(), each.name.end(), name.begin(), name.end(),
                          same_letter);
      });
  return found == std::end(kOperations) ? nullptr : found;
}

std::size_t known_operation_prefix(std::string_view text) {
  std::size_t longest = 0;
  for (const Operation& each : kOperations) {
    const auto end =
        std::mismatch(each.name.begin(), each.name.end(), text.begin(), text.end(), same_letter)
            .second;
    longest = std::max(longest, static_cast<std::size_t>(end - text.begin()));
  }
  return longest;
}

const Error* find_error(std::string_view text) {
  const auto* found = std::find_if(std::begin(kErrors), std::end(kErrors),
                                   [text](const Error& e) { return text.starts_with(e.text); });
  return found == std::end(kErrors) ? nullptr : found;
}

std::size_t known_error_prefix(std::string_view text) {
  std::size_t longest = 0;
  for (const Error& each : kErrors) {
    const auto end =
        std::mismatch(each.text.begin(), each.text.end(), text.begin(), text.end()).second;
    longest = std::max(longest, static_cast<std::size_t>(end - text.begin()));
  }
  return longest;
}

}  // namespace tailwhy::nats

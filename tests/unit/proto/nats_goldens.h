// Conversations in the NATS client protocol, written from its reference (docs.nats.io, "Client
// Protocol"; names of its sections below) and from what nats-server 2.9.10 answers, and what the
// parser must say about them.
#pragma once

#include "goldens.h"
#include "proto/nats.h"

#include <string>

namespace tailwhy::test {

inline const std::string kNatsInfo =
    R"(INFO {"server_id":"NAIVRONX","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576} )"
    "\r\n";

inline const std::vector<Golden>& nats_goldens() {
  static const std::vector<Golden> kGoldens = resolve_all({
      // INFO, CONNECT, PING/PONG: as all clients begin
      {"a client begins",
       {response(kNatsInfo + "|"),
        request("|CONNECT "
                "{\"verbose\":false,\"pedantic\":false,\"user\":\"u\",\"pass\":\"verbose\"}\r\n|"
                "PING\r\n|"),
        response("PONG\r\n|"),
        request("SUB foo.* workers 9\r\n|PUB foo.1 _INBOX.4 5\r\nhello\r\n|"),
        response("MSG foo.1 9 _INBOX.4 5\r\nhello\r\n"), request("UNSUB 9 1\r\n|PING\r\n|"),
        response("|PONG\r\n|")},
       {},
       {"request begin @0",        "request head CONNECT - -", "request end @1 framing",
        "request begin @1",        "request head PING - -",    "request end @2 framing",
        "response no answer @0",   "response begin @0",        "response head 0",
        "response end @1 framing", "request begin @2",         "request head SUB - - one-way",
        "request end @3 framing",  "request begin @3",         "request head PUB - - one-way",
        "request end @4 framing",  "request begin @4",         "request head UNSUB - - one-way",
        "request end @5 framing",  "request begin @5",         "request head PING - -",
        "request end @6 framing",  "response begin @2",        "response head 0",
        "response end @3 framing"}},
      // +OK/ERR, HPUB, HMSG; names in any case
      {"verbose",
       {response(kNatsInfo + "|"),
        request(
            "|CONNECT {\"name\": \"x\", \"verbose\" : true}\r\n|pub\tfoo  2 \r\nhi\r\n|"
            "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n|PUB foo 0\r\n\r\n|Sub foo 1\r\n|PING\r\n|"),
        response(
            "+OK\r\n|+OK\r\n|+OK\r\n|MSG foo 1 2\r\nhi\r\n|+OK\r\n|"
            "HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n|-ERR 'Invalid Subject'\r\n|PONG\r\n|")},
       {},
       {"request begin @0",        "request head CONNECT - -",
        "request end @1 framing",  "request begin @1",
        "request head PUB - -",    "request end @2 framing",
        "request begin @2",        "request head HPUB - -",
        "request end @3 framing",  "request begin @3",
        "request head PUB - -",    "request end @4 framing",
        "request begin @4",        "request head SUB - -",
        "request end @5 framing",  "request begin @5",
        "request head PING - -",   "request end @6 framing",
        "response begin @0",       "response head 0",
        "response end @1 framing", "response begin @1",
        "response head 0",         "response end @2 framing",
        "response begin @2",       "response head 0",
        "response end @3 framing", "response begin @4",
        "response head 0",         "response end @5 framing",
        "response begin @6",       "response head InvalidSubject error",
        "response end @7 framing", "response begin @7",
        "response head 0",         "response end @8 framing"}},
      // before CONNECT a client is verbose; the server's PING is answered by no request's PONG
      {"no connect",
       {response(kNatsInfo + "|"), request("|PUB foo 2\r\nhi\r\n|"), response("+OK\r\n|PING\r\n"),
        request("PONG\r\n|PING\r\n|"), response("|PONG\r\n|")},
       {},
       {"request begin @0", "request head PUB - -", "request end @1 framing", "response begin @0",
        "response head 0", "response end @1 framing", "request begin @2", "request head PING - -",
        "request end @3 framing", "response begin @2", "response head 0",
        "response end @3 framing"}},
      // +OK/ERR: what a pedantic server says beside +OK
      {"an error and an ok",
       {response(kNatsInfo + "|"), request("|CONNECT {}\r\n|PUB foo.* 1\r\na\r\n|PING\r\n|"),
        response("+OK\r\n|-ERR 'Invalid Publish Subject'\r\n+OK\r\n|PONG\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - -", "request end @1 framing",
        "request begin @1", "request head PUB - -", "request end @2 framing", "request begin @2",
        "request head PING - -", "request end @3 framing", "response begin @0", "response head 0",
        "response end @1 framing", "response begin @1", "response head InvalidPublishSubject error",
        "response end @2 framing", "response begin @2", "response head 0",
        "response end @3 framing"}},
      {"refused",
       {response(kNatsInfo + "|"), request("|CONNECT {\"verbose\":false}\r\n|PING\r\n|"),
        response("-ERR 'Authorization Violation'\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - -", "request end @1 framing",
        "request begin @1", "request head PING - -", "request end @2 framing", "response begin @0",
        "response head AuthorizationViolation error", "response end @1 framing"}},
      {"not allowed",
       {response(kNatsInfo + "|"),
        request("|CONNECT {\"verbose\":false}\r\n|PUB secret 1\r\na\r\n|PING\r\n|"),
        response("-ERR 'Permissions Violation for Publish to \"secret\"'\r\nPONG\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - -", "request end @1 framing",
        "request begin @1", "request head PUB - - one-way", "request end @2 framing",
        "request begin @2", "request head PING - -", "request end @3 framing",
        "response no answer @0", "response begin @0", "response head PermissionsViolation error",
        "response end @1 framing"}},
      {"no operation of ours",
       {response(kNatsInfo + "|"), request("|CONNECT {\"verbose\":false}\r\n|BOGUS me\r\n|"),
        response("-ERR 'Unknown Protocol Operation'\r\n|"), request("PING\r\n|"),
        response("-ERR 'a new one'\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - -", "request end @1 framing",
        "request begin @1", "request head _OTHER - -", "request end @2 framing",
        "response begin @0", "response head UnknownProtocolOperation error",
        "response end @1 framing", "request begin @2", "request head PING - -",
        "request end @3 framing", "response begin @1", "response head ERR error",
        "response end @2 framing"}},
      {"mistaken for nats at once",
       {request("|PUB a 5\r\nhello\r\n|"), response("H|ELLO x\r\n")},
       {},
       {"request begin @0", "request head PUB - -", "request end @1 framing",
        "response mistaken @0"}},
      {"mistaken for nats before tls",
       {response(kNatsInfo), request("|\x16\x03\x01")},
       {},
       {"request mistaken @0"}},
  });
  return kGoldens;
}

}  // namespace tailwhy::test

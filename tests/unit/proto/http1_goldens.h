// Conversations in HTTP/1 and what the parser must say about them: golden bytes for the unit tests,
// and the seeds of the fuzz target. A '|' in the bytes is not sent: it marks a place, and "@2" in
// an expected line is the stream offset of the third mark of that side.
#pragma once

#include "http1_driver.h"

#include <array>
#include <string>
#include <vector>

namespace tailwhy::test {

struct Golden {
  std::string name;
  std::vector<Turn> turns;
  std::vector<Side> closes;  // sides that end after the last turn
  Lines expected;
};

// Takes the marks out of the bytes and puts their offsets into the expected lines.
inline Golden resolve(Golden golden) {
  std::array<std::vector<std::size_t>, 2> marks;
  std::array<std::size_t, 2> offsets{};
  for (auto& [side, bytes] : golden.turns) {
    std::string plain;
    for (const char c : bytes) {
      if (c == '|') {
        marks[side == Side::Response].push_back(offsets[side == Side::Response] + plain.size());
      } else {
        plain += c;
      }
    }
    bytes = plain;
    offsets[side == Side::Response] += plain.size();
  }
  for (std::string& line : golden.expected) {
    const std::size_t at = line.find('@');
    if (at == std::string::npos) continue;
    std::size_t digits = 0;
    const std::size_t mark = std::stoul(line.substr(at + 1), &digits);
    const auto& of_side = marks[!line.starts_with("request")];
    line.replace(at, digits + 1, std::to_string(of_side.at(mark)));
  }
  return golden;
}

inline std::vector<Golden> unresolved_goldens() {
  return {
      {"keep-alive",
       {request("|GET /user/42?q=1 HTTP/1.1\r\nHost: a\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello|"),
        request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc|"),
        response("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /user/{id} 1.1", "request end @1 framing",
        "response begin @0", "response head 200", "response end @1 framing", "request begin @1",
        "request head POST /x 1.1", "request end @2 framing", "response begin @1",
        "response head 500 error", "response end @2 framing"}},
      {"pipelined",
       {request("|GET /a HTTP/1.1\r\n\r\n|HEAD /b HTTP/1.1\r\n\r\n|GET /c HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"
                 "|HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
                 "|HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nC|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing", "request begin @1",
        "request head HEAD /b 1.1", "request end @2 framing", "request begin @2",
        "request head GET /c 1.1", "request end @3 framing", "response begin @0",
        "response head 200", "response end @1 framing", "response begin @1", "response head 200",
        "response end @2 framing", "response begin @2", "response head 404",
        "response end @3 framing"}},
      {"chunked both ways",
       {request("|PUT /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nabc\r\nA;ext=\"v\"\r\n0123456789\r\n0\r\nTrailer-A: t\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n|"),
        request("GET / HTTP/1.1\r\n\r\n|"), response("HTTP/1.1 204 No Content\r\n\r\n|")},
       {},
       {"request begin @0", "request head PUT /up 1.1", "request end @1 framing",
        "response begin @0", "response head 200", "response end @1 framing", "request begin @1",
        "request head GET / 1.1", "request end @2 framing", "response begin @1",
        "response head 204", "response end @2 framing"}},
      {"interim responses",
       {request("|POST /u HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
        response("HTTP/1.1 100 Continue\r\n\r\n"), request("body|"),
        response("HTTP/1.1 103 Early Hints\r\nLink: </s>; rel=preload\r\n\r\n"
                 "|HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok|")},
       {},
       {"request begin @0", "request head POST /u 1.1", "request end @1 framing",
        "response begin @0", "response head 201", "response end @1 framing"}},
      {"no body whatever the length says",
       {request("|HEAD /h HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n|"),
        request("GET /n HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n|"),
        request("HEAD /c HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|"),
        request("GET /d HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n|")},
       {},
       {"request begin @0",  "request head HEAD /h 1.1", "request end @1 framing",
        "response begin @0", "response head 200",        "response end @1 framing",
        "request begin @1",  "request head GET /n 1.1",  "request end @2 framing",
        "response begin @1", "response head 304",        "response end @2 framing",
        "request begin @2",  "request head HEAD /c 1.1", "request end @3 framing",
        "response begin @2", "response head 200",        "response end @3 framing",
        "request begin @3",  "request head GET /d 1.1",  "request end @4 framing",
        "response begin @3", "response head 204",        "response end @4 framing"}},
      {"close-delimited",
       {request("|GET / HTTP/1.0\r\n\r\n|"),
        response("|HTTP/1.0 200 OK\r\nServer: s\r\n\r\nall there is|")},
       {Side::Response},
       {"request begin @0", "request head GET / 1.0", "request end @1 framing", "response begin @0",
        "response head 200", "response end @1 close"}},
      {"a transfer coding that is not chunked ends with the connection",
       {request("|GET / HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n....|")},
       {Side::Response},
       {"request begin @0", "request head GET / 1.1", "request end @1 framing", "response begin @0",
        "response head 200", "response end @1 close"}},
      {"upgrade",
       {request("|GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n|"),
        response("|HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                 "Upgrade: websocket\r\n\r\n|\x81\x05hello"),
        request("\x81\x85GET / HTTP/1.1\r\n\r\n"), response("HTTP/1.1 200 OK\r\n\r\n")},
       {Side::Response},
       {"request begin @0", "request head GET /chat 1.1", "request end @1 framing",
        "response begin @0", "response head 101", "response end @1 upgrade", "tunnel @1"}},
      {"upgrade to HTTP/2",
       {request("|GET /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C \r\n"
                "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n|"),
        response("|HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "switch to http2 at @1 stream 1"}},
      {"upgrade refused",
       {request("|GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno|"),
        request("GET /b HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /chat 1.1", "request end @1 framing",
        "response begin @0", "response head 200", "response end @1 framing", "request begin @1",
        "request head GET /b 1.1", "request end @2 framing", "response begin @1",
        "response head 200", "response end @2 framing"}},
      {"connect",
       {request("|CONNECT host:443 HTTP/1.1\r\nHost: host:443\r\n\r\n|\x16\x03\x01"),
        response("|HTTP/1.1 200 Connection established\r\n\r\n|"), request("\x16\x03\x01 hello")},
       {},
       {"request begin @0", "request head CONNECT - 1.1", "request end @1 framing",
        "response begin @0", "response head 200", "response end @1 upgrade", "tunnel @1"}},
      {"connect after another request",
       {request("|GET /a HTTP/1.1\r\n\r\n|CONNECT host:443 HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok|HTTP/1.1 200 OK\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing", "request begin @1",
        "request head CONNECT - 1.1", "request end @2 framing", "response begin @0",
        "response head 200", "response end @1 framing", "response begin @1", "response head 200",
        "response end @2 upgrade", "tunnel @2"}},
      {"connect refused after its bytes had come",
       {request("|CONNECT host:443 HTTP/1.1\r\n\r\n|\x16\x03\x01"),
        response("|HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n|"), request("\x16\x03\x01 more"),
        request("|GET /b HTTP/1.1\r\n\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - 1.1", "request end @1 framing",
        "response begin @0", "response head 403", "response end @1 framing", "request begin @2",
        "request head GET /b 1.1", "request end @3 framing"}},
      {"connect refused",
       {request("|CONNECT host:443 HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 407 Auth\r\nContent-Length: 4\r\n\r\nauth|"),
        request("CONNECT host:443 HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n|")},
       {},
       {"request begin @0", "request head CONNECT - 1.1", "request end @1 framing",
        "response begin @0", "response head 407", "response end @1 framing", "request begin @1",
        "request head CONNECT - 1.1", "request end @2 framing", "response begin @1",
        "response head 200", "response end @2 upgrade", "tunnel @2"}},
      {"answered before the request is complete",
       {request("|POST /big HTTP/1.1\r\nContent-Length: 100\r\n\r\n1234567890"),
        response("|HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig|"),
        request(std::string(90, 'b') + "|GET /next HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n|")},
       {},
       {"request begin @0", "request head POST /big 1.1", "response begin @0", "response head 413",
        "response end @1 framing", "request end @1 framing", "request begin @1",
        "request head GET /next 1.1", "request end @2 framing", "response begin @1",
        "response head 200", "response end @2 framing"}},
      {"answered before the head is complete",
       {request("|HEAD /slow HTTP/1.1\r\nHost"),
        response("|HTTP/1.1 408 Request Time-out\r\nContent-Length: 4\r\n\r\nslow|"),
        request(": x\r\n\r\n|GET / HTTP/1.1\r\n\r\n|"),
        response("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1|")},
       {},
       {"request begin @0", "response begin @0", "response head 408", "response end @1 framing",
        "request head HEAD /slow 1.1", "request end @1 framing", "request begin @1",
        "request head GET / 1.1", "request end @2 framing", "response begin @1",
        "response head 200", "response end @2 framing"}},
      {"unsolicited response",
       {response("|HTTP/1.1 408 Request Time-out\r\nContent-Length: 2\r\n"
                 "Connection: close\r\n\r\nto|")},
       {Side::Response},
       {"response begin @0", "response head 408", "response end @1 framing"}},
      {"correlation ids",
       {request("|GET / HTTP/1.1\r\n"
                "TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 \r\n"
                "X-Request-ID:  req-1/2:3=\r\n\r\n|"
                "GET / HTTP/1.1\r\nX-Request-Id: no good\r\ntraceparent: 00-4BF9\r\n\r\n|"),
        response("|HTTP/1.1 204 a\r\nx-request-id: r\r\n\r\n|HTTP/1.1 204 b\r\n\r\n|")},
       {},
       {"request begin @0",
        "request head GET / 1.1 trace 4bf92f3577b34da6a3ce929d0e0e4736 id req-1/2:3=",
        "request end @1 framing", "request begin @1", "request head GET / 1.1",
        "request end @2 framing", "response begin @0", "response head 204",
        "response end @1 framing", "response begin @1", "response head 204",
        "response end @2 framing"}},
      {"an id that is too long is none",
       {request("|GET / HTTP/1.1\r\nX-Request-Id: " + std::string(65, 'i') + "\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET / 1.1", "request end @1 framing"}},
      {"two trace contexts are none",
       {request("|GET / HTTP/1.1\r\n"
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET / 1.1", "request end @1 framing"}},
      {"empty lines between messages",
       {request("\r\n\r\n|GET /a HTTP/1.1\r\n\r\n|\n\r\n|GET /b HTTP/1.1\r\n\r\n|\r\n"),
        response("|HTTP/1.1 204 a\r\n\r\n|\r\n|HTTP/1.1 204 b\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing", "request begin @2",
        "request head GET /b 1.1", "request end @3 framing", "response begin @0",
        "response head 204", "response end @1 framing", "response begin @2", "response head 204",
        "response end @3 framing"}},
      {"what sloppy peers send",
       {request("|GET  /a  HTTP/1.1\nHost: a\nFoo Bar : \x80\x01\n folded\nEmpty:\nE2:\n\n"
                "|GET /\xc3\xa9 HTTP/1.2\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                "0\r\n\r\n|"),
        response("|HTTP/1.1 200\nContent-Length: 1\n\na"
                 "|HTTP/1.1 200 \r\nContent-Length          :1\r\n\r\nb|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing", "request begin @1",
        "request head GET /{id} -", "request end @2 framing", "response begin @0",
        "response head 200", "response end @1 framing", "response begin @1", "response head 200",
        "response end @2 framing"}},
      {"methods",
       {request(
           "|M-SEARCH * HTTP/1.1\r\n\r\n|PROPFIND /d HTTP/1.1\r\n\r\n|QUERY /q HTTP/1.1\r\n\r\n"
           "|GETX /x HTTP/1.1\r\n\r\n|A_B-C /y HTTP/1.0\r\nContent-Length: 2\r\n\r\nyy"
           "|OPTIONS * HTTP/1.1\r\n\r\n|")},
       {},
       {"request begin @0", "request head M-SEARCH * 1.1", "request end @1 framing",
        "request begin @1", "request head PROPFIND /d 1.1", "request end @2 framing",
        "request begin @2", "request head _OTHER /q 1.1", "request end @3 framing",
        "request begin @3", "request head _OTHER /x 1.1", "request end @4 framing",
        "request begin @4", "request head _OTHER /y 1.0", "request end @5 framing",
        "request begin @5", "request head OPTIONS * 1.1", "request end @6 framing"}},
      {"HTTP/0.9",
       {request("|GET /old\r\n|"), response("|<html>")},
       {Side::Response},
       {"request begin @0", "request head GET /old 0.9", "request end @1 framing",
        "response begin @0", "response lost @0"}},
      {"absolute form",
       {request("|GET http://user:pw@host:80/a/7;p=1?q HTTP/1.1\r\nHost: host\r\n\r\n|"),
        response("|HTTP/1.1 204 n\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a/{id} 1.1", "request end @1 framing",
        "response begin @0", "response head 204", "response end @1 framing"}},
      {"malformed first line",
       {request("|get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        response("|HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad|"),
        request("|GET /again HTTP/1.1\r\n\r\n|"), response("HTTP/1.1 204 n\r\n\r\n|")},
       {},
       {"request begin @0", "request head _OTHER - -", "request lost @0", "response begin @0",
        "response head 400", "response end @1 framing", "request begin @1",
        "request head GET /again 1.1", "request end @2 framing", "response begin @1",
        "response head 204", "response end @2 framing"}},
      {"a blank before the method",
       {request("|| GET / HTTP/1.1\r\n\r\n")},
       {},
       {"request begin @0", "request head _OTHER - -", "request lost @1"}},
      {"no blank after the method",
       {request("|GET|\t/ HTTP/1.1\r\n\r\n")},
       {},
       {"request begin @0", "request head _OTHER - -", "request lost @1"}},
      {"a method that is too long",
       {request("|ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF|G / HTTP/1.1\r\n\r\n")},
       {},
       {"request begin @0", "request head _OTHER - -", "request lost @1"}},
      {"malformed target",
       {request("|GET /a|\x01 HTTP/1.1\r\n\r\n"), response("|HTTP/1.1 400 Bad\r\n\r\n|")},
       {Side::Response},
       {"request begin @0", "request head _OTHER - -", "request lost @1", "response begin @0",
        "response head 400", "response end @1 close"}},
      {"malformed header",
       {request("|HEAD /known HTTP/1.1\r\nno colon|\r\nHost: a\r\n\r\n"),
        response("|HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\n|")},
       {},
       {"request begin @0", "request head HEAD /known 1.1", "request lost @1", "response begin @0",
        "response head 400", "response end @1 framing"}},
      {"malformed response",
       {request("|GET /a HTTP/1.1\r\n\r\n|"), response("|HTT|Q/1.1 200 OK\r\n\r\n"),
        request("GET /b HTTP/1.1\r\n\r\n|"), response("|HTTP/1.1 204 n\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "response begin @0", "response lost @1", "request begin @1", "request head GET /b 1.1",
        "request end @2 framing", "response begin @2", "response head 204",
        "response end @3 framing"}},
      {"malformed response header",
       {request("|GET /a HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 503 Down\r\nno colon|\r\n\r\nbody"),
        request("GET /b HTTP/1.1\r\n\r\n|"), response("|HTTP/1.1 204 n\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "response begin @0", "response head 503 error", "response lost @1", "request begin @1",
        "request head GET /b 1.1", "request end @2 framing", "response begin @2",
        "response head 204", "response end @3 framing"}},
      {"malformed status",
       {request("|GET /a HTTP/1.1\r\n\r\n|"), response("|HTTP/1.1 2000| OK\r\n\r\n")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "response begin @0", "response lost @1"}},
      {"malformed interim response",
       {request("|GET /a HTTP/1.1\r\n\r\n|"), response("|HTTP/1.1 100 C\r\nno colon|\r\n\r\n")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "response begin @0", "response lost @1"}},
      {"malformed chunk",
       {request("|GET /a HTTP/1.1\r\n\r\n|"),
        response("|HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n|zz\r\n"
                 "0\r\n\r\n"),
        request("GET /b HTTP/1.1\r\n\r\n|"), response("|HTTP/1.1 204 n\r\n\r\n|")},
       {},
       {"request begin @0", "request head GET /a 1.1", "request end @1 framing",
        "response begin @0", "response head 200", "response lost @1", "request begin @1",
        "request head GET /b 1.1", "request end @2 framing", "response begin @2",
        "response head 204", "response end @3 framing"}},
      {"a coding after chunked",
       {request("|POST /z HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\nX-Request-Id: "
                "r\r\n\r\n|....")},
       {},
       {"request begin @0", "request head POST /z 1.1 id r", "request lost @1"}},
      {"a request of unknowable length",
       {request("|POST /z HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n|...."),
        response("|HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n|")},
       {},
       {"request begin @0", "request head POST /z 1.1", "request lost @1", "response begin @0",
        "response head 501 error", "response end @1 framing"}},
  };
}

inline const std::vector<Golden>& goldens() {
  static const std::vector<Golden> kGoldens = [] {
    std::vector<Golden> all = unresolved_goldens();
    for (Golden& golden : all)
      golden = resolve(golden);
    return all;
  }();
  return kGoldens;
}

}  // namespace tailwhy::test

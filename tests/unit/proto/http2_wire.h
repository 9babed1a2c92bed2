// HTTP/2 as peers write it: frames by hand, header blocks by nghttp2, which is the judge of ours.
#pragma once

#include "parser_driver.h"
#include "proto/http2.h"

#include <cstdint>
#include <nghttp2/nghttp2.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tailwhy::test {

class Http2Driver : public ParserDriver {
 public:
  explicit Http2Driver(bool want_secrets = false) : ParserDriver(kHttp2, want_secrets) {}
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// One direction's HPACK encoder.
class Deflater {
 public:
  explicit Deflater(std::size_t table_bytes = 4096) {
    nghttp2_hd_deflate_new(&deflater_, table_bytes);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { nghttp2_hd_deflate_del(deflater_); }

  void resize(std::size_t bytes) { nghttp2_hd_deflate_change_table_size(deflater_, bytes); }
  std::string block(const HeaderList& list) {
    std::vector<nghttp2_nv> fields;
    for (const auto& [name, value] : list) {
      // nghttp2 only reads them
      fields.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                        reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())),
                        name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    std::string bytes(nghttp2_hd_deflate_bound(deflater_, fields.data(), fields.size()), '\0');
    const auto size =
        nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(bytes.data()),
                              bytes.size(), fields.data(), fields.size());
    bytes.resize(static_cast<std::size_t>(size));
    return bytes;
  }

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

inline std::string frame(unsigned type,
                         unsigned flags,
                         std::uint32_t stream,
                         std::string_view payload) {
  std::string bytes;
  const auto put = [&](std::size_t byte) { bytes += static_cast<char>(byte & 0xff); };
  for (const unsigned shift : {16U, 8U, 0U})
    put(payload.size() >> shift);
  put(type);
  put(flags);
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    put(stream >> shift);
  return bytes.append(payload);
}

inline std::string number(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

inline constexpr unsigned kEndStream = 1;
inline constexpr unsigned kEndHeaders = 4;

inline std::string headers(std::uint32_t stream, std::string_view block, bool ends) {
  return frame(1, kEndHeaders | (ends ? kEndStream : 0), stream, block);
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool ends) {
  return frame(0, ends ? kEndStream : 0, stream, bytes);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code) {
  return frame(3, 0, stream, number(code));
}
inline std::string settings() {
  return frame(4, 0, 0, std::string("\0\x03\0\0\0\x64\0\x04\0\x01\0\0", 12));
}
inline std::string settings_ack() {
  return frame(4, 1, 0, {});
}

inline HeaderList get(std::string path) {
  return {{":method", "GET"},
          {":scheme", "http"},
          {":authority", "host.example"},
          {":path", std::move(path)},
          {"user-agent", "test/1"}};
}
inline HeaderList call(std::string path) {
  return {{":method", "POST"},        {":scheme", "http"},
          {":path", std::move(path)}, {":authority", "host.example"},
          {"te", "trailers"},         {"content-type", "application/grpc"},
          {"user-agent", "test/1"}};
}
inline HeaderList ok() {
  return {{":status", "200"}, {"server", "test"}, {"content-type", "text/plain"}};
}
inline HeaderList grpc_ok() {
  return {{":status", "200"}, {"content-type", "application/grpc"}};
}

/// A conversation, written turn by turn with both encoders.
struct Talk {
  Deflater client;
  Deflater server;
  std::vector<Turn> turns;

  Talk() { ask(std::string(kClientPreface) + settings()).answer(settings() + settings_ack()); }
  Talk& ask(std::string bytes) {
    turns.push_back(request(std::move(bytes)));
    return *this;
  }
  Talk& answer(std::string bytes) {
    turns.push_back(response(std::move(bytes)));
    return *this;
  }
  std::string head(std::uint32_t stream, const HeaderList& list, bool ends = true) {
    return headers(stream, client.block(list), ends);
  }
  std::string reply(std::uint32_t stream, const HeaderList& list, bool ends = false) {
    return headers(stream, server.block(list), ends);
  }
};

}  // namespace tailwhy::test

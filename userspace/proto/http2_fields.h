// What the fields of one header block say about a request or a response: HTTP/2's and gRPC's.
// Knows nothing of frames or streams.
#pragma once

#include "proto/http2_hpack.h"
#include "proto/llm_api.h"
#include "proto/parser.h"
#include "proto/route.h"

#include <cstdint>

namespace tailwhy::http2 {

// Is a stream a call of gRPC? Nobody knows where its content-type refers to what was not seen.
enum class Grpc : std::uint8_t { Unknown, No, Yes };

class Fields {
 public:
  // `routes`: of paths, that the user gave; null: none.
  explicit Fields(const RoutePatterns* routes) : path_(routes) {}

  void take(const Field& field);
  // A part of the block was not seen, or made no sense.
  void lose() { holes_ = true; }

  // By the content-type alone.
  [[nodiscard]] Grpc grpc() const;
  // Of a request's path; null: none. After request_head() only.
  [[nodiscard]] const LlmApi* llm() const;
  // Of a response: what its body is, unless it is encoded.
  [[nodiscard]] StreamKind stream() const { return stream_; }
  [[nodiscard]] bool encoded() const { return encoded_; }
  // Of a response, 0: none, or not known. Below 200 another one follows.
  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] bool has_grpc_status() const { return grpc_status_seen_; }
  [[nodiscard]] RequestHead request_head() const;
  [[nodiscard]] ResponseHead response_head(Grpc grpc) const;

 private:
  Method method_;
  RouteBuilder path_;
  Route route_;
  Route call_;
  TraceContext trace_;
  RequestId request_id_;
  StatusText word_;
  ResponseHead::Verdict verdict_ = ResponseHead::Verdict::Unknown;
  std::uint16_t status_ = 0;
  StreamKind stream_ = StreamKind::None;
  bool encoded_ = false;
  bool path_seen_ = false;
  bool grpc_content_ = false;
  bool content_seen_ = false;
  bool grpc_status_seen_ = false;
  bool trace_seen_ = false;
  bool holes_ = false;
};

}  // namespace tailwhy::http2

// The parser of one connection that speaks MySQL's protocol: the class behind the row in mysql.h,
// for the files that implement it. mysql_requests.cpp reads what is asked, mysql_answers.cpp what
// is answered.
#pragma once

#include "proto/frames.h"
#include "proto/mysql_wire.h"
#include "proto/parser.h"
#include "proto/prepared_statements.h"
#include "proto/sql.h"

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

namespace tailwhy::mysql {

class MySqlParser final : public Parser, private FrameHandler {
 public:
  MySqlParser();
  void feed(Side side,
            std::uint64_t offset,
            std::span<const std::byte> bytes,
            ParseOutput& out) override;
  void skip(Side side,
            std::uint64_t offset,
            std::uint64_t size,
            std::span<const std::byte> tail,
            ParseOutput& out) override;
  void finish(Side side, std::uint64_t offset, ParseOutput& out) override;
  void turn(Side side, std::uint64_t offset, ParseOutput& out) override;
  void start_unsynchronised(Side side) override;

 private:
  using Kind = Message::Kind;

  // What the server still has to answer, in order.
  struct Expected {
    Answer answer = Answer::Simple;
    std::uint8_t sequence = 0;  // of the first packet of the answer
    bool remembers = false;     // the next of preparing_ is its statement
  };
  // How the answer that has begun goes on.
  enum class Reading : std::uint8_t {
    Head,          // a first packet, of the answer or of another result of it
    Columns,       // descriptions of columns, columns_ of them
    Rows,          // rows, or what ends them
    Descriptions,  // of a statement's parameters and columns, columns_ packets
    LocalFile,     // the client sends a file
    Talk,          // anything, up to the verdict
  };

  bool on_frame(Side side, const Frame& frame, ParseOutput& out) override;
  void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) override;
  void on_lost(Side side, std::uint64_t offset, ParseOutput& out) override;
  void find_secrets(Side side,
                    std::span<const std::byte> known,
                    std::vector<SecretSpan>& secrets) const override;
  FrameReader& reader(Side side) { return side == Side::Request ? requests_ : responses_; }

  // mysql_requests.cpp
  bool on_command(const Frame& frame, Bytes payload, ParseOutput& out);
  bool on_login(const Frame& frame, Bytes payload, ParseOutput& out);
  [[nodiscard]] bool client_may_talk() const;
  void name_command(const Frame& frame, Bytes payload);
  void open(const Frame& frame, Answer answer, ParseOutput& out);
  void on_request_end(std::uint64_t offset, ParseOutput& out);
  void find_request_secrets(Bytes known, std::vector<SecretSpan>& secrets) const;

  // mysql_answers.cpp
  bool on_answer(const Frame& frame, Bytes payload, ParseOutput& out);
  void on_greeting(Bytes payload);
  bool begin_answer(const Frame& frame, Bytes payload, ParseOutput& out);
  bool read_packet(Bytes payload, std::size_t size);
  bool read_head(Bytes payload, std::size_t size);
  bool read_prepared(Bytes payload, std::size_t size);
  bool read_columns(Bytes payload, std::size_t size);
  bool read_rows(Bytes payload, std::size_t size);
  bool read_descriptions(Bytes payload, std::size_t size);
  bool end_of_one(Bytes payload, std::size_t size);
  void note_status(std::uint16_t status);
  void on_answer_end(std::uint64_t offset, ParseOutput& out);
  void end_answer(std::uint64_t offset, ParseOutput& out);
  [[nodiscard]] bool ends_with_result(Bytes bytes) const;
  void end_lost_answer(std::uint64_t offset, ParseOutput& out);
  [[nodiscard]] std::size_t open_size(Bytes payload, std::size_t size, std::uint8_t sequence) const;
  void find_answer_secrets(Bytes known, std::vector<SecretSpan>& secrets) const;

  static constexpr std::size_t kMostExpected = 4096;
  static constexpr std::size_t kMostPreparing = 128;

  FrameReader requests_;
  FrameReader responses_;

  // Of the client's side.
  SqlDialect dialect_ = SqlDialect::MySql;
  SqlSummary summary_;        // of the request that is open
  SqlSummary last_prepared_;  // which may be executed before its number is known (MariaDB)
  bool begun_ = false;        // a packet was seen
  bool open_ = false;         // a request has begun and not ended
  bool one_way_ = false;
  bool logging_in_ = false;  // what is not a command belongs to the start of the session
  bool asked_for_tls_ = false;
  bool request_is_full_ = false;   // this packet is as long as one can be: the next continues it
  bool request_goes_on_ = false;   // it is such a next one
  std::uint8_t request_next_ = 0;  // its sequence number
  std::uint32_t client_ = 0;       // capabilities

  // Of the server's.
  std::uint32_t server_ = ~0U;  // capabilities; all until it greets
  Reading reading_ = Reading::Head;
  std::uint64_t columns_ = 0;
  std::uint64_t more_columns_ = 0;  // of Descriptions: those behind the next EOF packet
  std::uint32_t statement_ = 0;     // number of what was prepared
  StatusText error_;
  std::uint8_t answer_next_ = 0;  // sequence number of the next packet
  bool answering_ = false;        // the first of expected_
  bool answer_is_full_ = false;
  bool answer_goes_on_ = false;
  bool last_packet_ = false;  // of the answer
  bool stray_eof_ = false;    // what was read last may be followed by one
  bool orphan_ = false;       // its packet came in pieces, and before the question was seen
  bool no_backslashes_ = false;
  bool answered_all_ = false;  // nothing more comes
  // Whether EOF packets follow descriptions.
  enum class Eofs : std::uint8_t { Unknown, Sent, Left };
  Eofs eofs_ = Eofs::Unknown;

  PreparedStatements statements_;
  std::deque<Expected> expected_;
  std::deque<SqlSummary> preparing_;
  bool proven_ = false;
  bool over_ = false;  // nothing more is read here
};

}  // namespace tailwhy::mysql

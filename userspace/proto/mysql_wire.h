// What packets of MySQL's protocol look like: commands, and the few fields of answers that are
// read. Pure functions over the bytes of one packet, of which any number may be missing at the end.
#pragma once

#include "model/request.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tailwhy::mysql {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kHeader = 4;                // 3 bytes of length, a sequence number
constexpr std::uint32_t kMostPayload = 0xffffff;  // a packet of so many goes on in the next

/// First bytes of answers.
constexpr std::uint8_t kOk = 0x00, kLocalFile = 0xfb, kEof = 0xfe, kError = 0xff;

/// Capabilities.
constexpr std::uint32_t kCompress = 1U << 5U, kProtocol41 = 1U << 9U, kTls = 1U << 11U,
                        kDeprecateEof = 1U << 24U, kZstd = 1U << 26U;

/// Bits of the server's status.
constexpr std::uint16_t kMoreResults = 0x08, kCursorExists = 0x40, kNoBackslashes = 0x200;

/// What answers a command.
enum class Answer : std::uint8_t {
  None,
  Simple,    ///< one packet
  Text,      ///< one packet of text
  Result,    ///< any number of results
  Rows,      ///< rows without a head
  Fields,    ///< descriptions of columns
  Prepared,  ///< the head of a statement, and descriptions
  Session,   ///< a talk between the two about who the client is
  Stream,    ///< packets without an end
};

/// Commands that are treated apart.
constexpr std::uint8_t kComQuit = 0x01, kComQuery = 0x03, kComChangeUser = 0x11, kComPrepare = 0x16,
                       kComExecute = 0x17, kComLongData = 0x18, kComClose = 0x19, kComReset = 0x1a,
                       kComFetch = 0x1c, kComBulkExecute = 0xfa;

struct Command {
  std::string_view name;  ///< empty: there is no such command
  Answer answer = Answer::None;
};
[[nodiscard]] Command command(std::uint8_t code);
/// Begins with the number of a prepared statement.
[[nodiscard]] bool has_statement(std::uint8_t code);

/// A number of one to nine bytes, and how many.
struct Lenenc {
  std::uint64_t value = 0;
  std::size_t size = 0;
};
[[nodiscard]] std::optional<Lenenc> lenenc(Bytes payload, std::size_t at);

/// Status in an OK or EOF packet, which is `size` bytes long. Nothing: it was not captured.
[[nodiscard]] std::optional<std::uint16_t> status_of(Bytes payload, std::size_t size);
/// How many bytes of such a packet are numbers; the rest is text.
[[nodiscard]] std::size_t numbers_of(Bytes payload, std::size_t size);

/// SQLSTATE of an error packet, else its number; empty: not captured.
[[nodiscard]] StatusText error_of(Bytes payload);
/// How many bytes of it are these.
[[nodiscard]] std::size_t code_size(Bytes payload);
/// An error packet that tells how far a long statement has come, and is none (MariaDB).
[[nodiscard]] bool is_progress(Bytes payload);

/// The first packet of a result, which is `size` bytes long.
struct ResultHead {
  std::uint64_t columns = 0;
  bool described = true;  ///< descriptions of the columns follow
};
[[nodiscard]] std::optional<ResultHead> result_head(Bytes payload, std::size_t size);

/// Where the text of a COM_QUERY begins; nothing: behind attributes, whose length is not read.
[[nodiscard]] std::optional<std::size_t> text_of_query(Bytes payload);

/// Bytes at the end of a call that end a result, as captured or as its tail; 0: they do not.
[[nodiscard]] std::size_t end_of_result(Bytes bytes);

}  // namespace tailwhy::mysql

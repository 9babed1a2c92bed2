// The server name that a TLS client asks for, out of the first bytes of its connection: the only
// thing that TLS says aloud (RFC 8446 4.1.2, RFC 6066 3). Walks the ClientHello as it comes and
// remembers nothing else of it. Knows nothing of connections.
#pragma once

#include "base/inline_text.h"
#include "proto/byte_cursor.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

class TlsHello {
 public:
  /// Reads on with the client's next bytes, up to the end of the hello; of what it goes over, a
  /// recording keeps lengths and types, and the name. Stops at once where it is no hello in one
  /// record, and when over().
  void read(ByteCursor& in);
  /// Bytes were not seen, or make no sense.
  void lose() { step_ = Step::Over; }
  /// Nothing more is to be learned.
  [[nodiscard]] bool over() const { return step_ == Step::Over; }
  /// Lower case, of letters, digits, '-', '_' and '.'; empty: none, or not whole, or something
  /// else.
  [[nodiscard]] std::string_view server_name() const {
    return named_ ? name_.view() : std::string_view();
  }

 private:
  // Each step is a field of kSizes bytes. Those after lengths tell how many bytes to go over first.
  enum class Step : std::uint8_t {
    Head,  // of the record and of the message, up to the version and the random bytes
    Session,
    Ciphers,
    Compressions,
    Extensions,
    Extension,
    NameHead,
    Name,
    Over,
  };
  static constexpr std::array<std::size_t, 7> kSizes = {9, 1, 2, 1, 2, 4, 5};

  void take_field();
  void begin_names(std::size_t extension_size);
  void take_letter(char c);

  InlineText<255> name_;
  std::array<std::byte, 9> field_{};
  std::size_t field_size_ = 0;
  std::size_t pass_ = 0;        // bytes to go over before the next field
  std::size_t extensions_ = 0;  // bytes of them that are left
  std::size_t letters_ = 0;     // of the name
  Step step_ = Step::Head;
  bool named_ = false;
};

}  // namespace tailwhy

// Goes over the fields of a message and the elements of a BSON document (bsonspec.org), from left
// to right. Everything is hidden but what is asked for: whether a byte is, depends on those before
// it.
#pragma once

#include "model/request.h"
#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tailwhy::mongodb {

class Reader {
 public:
  using Words = std::span<const std::string_view>;
  static constexpr std::uint8_t kDouble = 0x01, kString = 0x02, kDocument = 0x03, kArray = 0x04;

  struct Element {
    std::uint8_t type = 0;
    int word = -1;  ///< which of the words its name is; -1: none
  };
  /// Of an error.
  struct Code {
    StatusText name;
    StatusText number;
  };

  /// Adds what is read to `shown`, if there is one.
  Reader(std::span<const std::byte> bytes, std::vector<SecretSpan>* shown)
      : bytes_(bytes), shown_(shown) {}

  /// The bytes ended before what was to be read did. Then nothing more is.
  [[nodiscard]] bool cut() const { return cut_; }

  void keep(std::size_t size);
  void skip(std::uint64_t size);
  void skip_text();  ///< that ends with a 0
  [[nodiscard]] std::optional<std::uint8_t> byte();
  [[nodiscard]] std::optional<std::uint32_t> int32();

  /// The next element, up to its value; nothing: there is none, or it is no BSON.
  [[nodiscard]] std::optional<Element> element(Words words, Words more = {});
  /// Values of elements.
  void skip_value(std::uint8_t type);
  [[nodiscard]] std::optional<double> number(std::uint8_t type);
  [[nodiscard]] std::string_view
  collection();  ///< of a string: empty if it cannot be one, or is long
  void read_number(std::uint8_t type, Code& code);
  void read_name(std::uint8_t type, Code& code);
  [[nodiscard]] Code code_within();    ///< of a document
  [[nodiscard]] Code code_of_first();  ///< of an array of documents

 private:
  [[nodiscard]] bool has(std::uint64_t size);
  void show(std::size_t from, std::size_t to);
  void stop() { stopped_ = true; }
  [[nodiscard]] std::optional<int> word(Words words, Words more);
  template <class Is>
  [[nodiscard]] std::string_view text(std::size_t most, Is is);

  std::span<const std::byte> bytes_;
  std::vector<SecretSpan>* shown_;
  std::size_t at_ = 0;
  bool cut_ = false;
  bool stopped_ = false;  // what follows cannot be read
};

}  // namespace tailwhy::mongodb

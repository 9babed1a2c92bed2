// Reads the few facts of a language model's JSON that are told: the model's name, the counts of
// tokens, and whether there is any output in it, never which. Incremental: a document comes in
// pieces, cut anywhere. Does not recurse, and its memory does not grow. Not a judge of JSON: what
// is none gives nothing. Knows nothing of what frames the documents.
#pragma once

#include "model/stream.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tailwhy {

class LlmJson {
 public:
  // Where in a document something is, as far as that matters; rows of a table in llm_json.cpp.
  enum class Node : std::uint8_t {
    Nothing,
    Request,   // all of it
    Response,  // all of it
    Model,
    Text,  // output, if it is a string that is not empty
    Any,   // the same of any string in it
    Choices,
    Delta,
    Whole,  // "message" and "response": what has output and facts of its own
    Token,
    Usage,
    Timings,
    Details,
    InputTokens,
    OutputTokens,
    Noted,  // of no other use than that it is known
  };
  // What is to be hidden of a piece: told in rising order.
  struct Hide {
    void* owner;
    void (*call)(void* owner, const char* at, std::size_t size);  // null: nobody asks
  };

  // `root`: Request or Response.
  LlmJson(Node root, GenAi& facts) : facts_(facts), root_(root) {}
  LlmJson(const LlmJson&) = delete;
  LlmJson& operator=(const LlmJson&) = delete;

  // Goes on with a document, up to its end; returns how many bytes belong to it (all, if it goes
  // on). Bytes between documents belong to the next.
  std::size_t read(std::string_view text, const Hide& hide);
  // Some bytes of the document were not seen: nothing more of it is told.
  void lose() { lost_ = true; }
  // What comes next is another document.
  void reset();

  // Of the document:
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool has_output() const { return output_; }
  // Some field of it is one that language models send.
  [[nodiscard]] bool recognised() const { return recognised_; }
  // Facts were found since this was asked last.
  [[nodiscard]] bool take_changed() {
    const bool changed = changed_;
    changed_ = false;
    return changed;
  }

 private:
  enum class State : std::uint8_t { Between, Key, KeyEscape, String, StringEscape, Scalar };
  struct Frame {
    Node node;
    bool object;
  };
  static constexpr std::size_t kDepth = 24;  // below it nothing is known

  bool step(char c);
  bool between(char c);
  bool in_key(char c);
  bool in_string(char c);
  bool in_escape(char c);
  bool in_scalar(char c);
  void open(bool object);
  void close();
  void begin_key();
  void end_key();
  void end_string();
  void end_scalar();
  [[nodiscard]] bool is_number() const {
    return value_ == Node::InputTokens || value_ == Node::OutputTokens;
  }
  [[nodiscard]] Node here() const { return depth_ == 0 ? root_ : frames_[depth_ - 1].node; }

  GenAi& facts_;
  std::array<Frame, kDepth> frames_;
  ModelName name_;
  std::uint64_t number_ = 0;
  std::uint32_t too_deep_ = 0;  // so many brackets are open beyond kDepth
  std::uint8_t depth_ = 0;
  std::uint8_t digits_ = 0;
  std::uint8_t key_size_ = 0;
  std::uint8_t first_row_ = 0;  // rows of the table that the key may be, and their end
  std::uint8_t end_row_ = 0;
  Node root_;
  Node value_ = Node::Nothing;  // what the value is that is being read, or comes next
  State state_ = State::Between;
  bool expects_key_ = false;
  bool bad_ = false;  // the name or number is not what it should be
  bool ended_ = false;
  bool lost_ = false;
  bool output_ = false;
  bool recognised_ = false;
  bool changed_ = false;
};

}  // namespace tailwhy

// One side of a protocol that sends frames: a header that says how long the frame is, then a body.
// Finds the frames in bytes that come cut anywhere, hands over the header and the first bytes of
// the body, and goes over the rest by its length, so that bytes of bodies that were not captured
// lose nothing. Memory: one frame's header and prefix at most, and only of a frame that came in
// pieces. Knows nothing of what frames mean.
#pragma once

#include "proto/parser.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tailwhy {

struct FrameSpec {
  std::size_t header_size = 0;  ///< at most 64; the least of it where it varies
  std::size_t prefix_size = 0;  ///< of the body, that is handed over with the header
  /// Size of the whole frame by its header; nothing: there is no such frame.
  std::optional<std::uint64_t> (*frame_size)(std::span<const std::byte> header) = nullptr;
  /// Where headers vary in size: how many bytes this one has, as far as its first bytes tell (at
  /// least header_size, and as many as it said before). More than these: more are needed. At most
  /// 64; what is no header must be told, too, for frame_size to refuse. Null: header_size.
  std::size_t (*header_of)(std::span<const std::byte> known) = nullptr;
  /// Where it depends on the header, instead of prefix_size. Null: prefix_size.
  std::size_t (*prefix_of)(std::span<const std::byte> header) = nullptr;
};

/// A frame whose header is known.
struct Frame {
  std::uint64_t begin = 0;  ///< stream offset of its first byte
  std::uint64_t end = 0;    ///< one past its last
  /// Header and prefix, as far as they were captured: all of them, unless `cut`.
  std::span<const std::byte> bytes;
  bool cut = false;
};

/// What a FrameReader tells its owner.
class FrameHandler {
 public:
  /// `frame.bytes` live as long as the call. False: such a frame cannot be; its side is lost.
  virtual bool on_frame(Side side, const Frame& frame, ParseOutput& out) = 0;
  /// The frame that was told last has ended, at `offset`.
  virtual void on_frame_end(Side side, std::uint64_t offset, ParseOutput& out) = 0;
  /// From `offset` on nobody knows where frames begin, until the next turn of `side`.
  virtual void on_lost(Side side, std::uint64_t offset, ParseOutput& out) = 0;
  /// Adds to `secrets` what of a frame's first bytes, `known`, a recording must not hold, in order:
  /// all but what is read of them. Whatever hides in the same bytes must not matter to on_frame().
  /// `known` grows from call to call while a frame comes in pieces: what is said of a byte must not
  /// depend on those after it. What follows the prefix is hidden anyway.
  virtual void find_secrets(Side side,
                            std::span<const std::byte> known,
                            std::vector<SecretSpan>& secrets) const = 0;

 protected:
  ~FrameHandler() = default;
};

class FrameReader {
 public:
  FrameReader(Side side, const FrameSpec& spec, FrameHandler& handler)
      : side_(side), spec_(&spec), handler_(handler) {}

  /// Parser::feed, skip, turn and finish of this side.
  void feed(std::uint64_t offset, std::span<const std::byte> bytes, ParseOutput& out);
  void skip(std::uint64_t offset, std::uint64_t size, ParseOutput& out);
  void turn(std::uint64_t offset);
  void finish() { finished_ = true; }

  /// From the next frame on, another kind of frames. Only where no frame has begun: from
  /// on_frame_end(), or before anything was fed. `spec` must outlive the reader.
  void use(const FrameSpec& spec) { spec_ = &spec; }
  /// Whatever came before, a frame begins at `offset`. Not from a handler's call.
  void jump(std::uint64_t offset);
  /// skip() of so many bytes would lose the place.
  [[nodiscard]] bool would_lose(std::uint64_t offset, std::uint64_t size) const;

  [[nodiscard]] bool lost() const { return lost_; }
  /// In the middle of a frame.
  [[nodiscard]] bool inside() const { return !held_.empty() || in_body_; }

 private:
  std::size_t read_head(std::uint64_t offset,
                        std::span<const std::byte> bytes,
                        std::size_t at,
                        ParseOutput& out);
  [[nodiscard]] std::size_t header_size(std::span<const std::byte> known) const;
  void tell(std::span<const std::byte> known, bool cut, ParseOutput& out);
  void lose(std::uint64_t offset, ParseOutput& out);

  Side side_;
  const FrameSpec* spec_;
  FrameHandler& handler_;
  std::vector<SecretSpan> found_;  // scratch
  std::vector<std::byte> held_;    // header and prefix of a frame, as far as they came
  std::uint64_t begin_ = 0;        // of the frame that is being read
  std::uint64_t end_ = 0;          // of the frame that was told
  bool size_known_ = false;        // end_ is of the frame that is being read
  bool in_body_ = false;
  bool lost_ = false;
  bool finished_ = false;
};

}  // namespace tailwhy

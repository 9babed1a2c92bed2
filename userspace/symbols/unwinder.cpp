#include "symbols/unwinder.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <dwarf.h>
#include <optional>

namespace tailwhy {

namespace {

constexpr std::size_t kMostFrames = 24;

// DWARF's numbers of the registers of x86-64.
constexpr unsigned kBp = 6;
constexpr unsigned kSp = 7;
constexpr int kReturnAddress = 16;

struct Frame {
  std::uint64_t ip = 0;
  std::uint64_t sp = 0;
  std::uint64_t bp = 0;
};

class Memory {
 public:
  Memory(std::uint64_t begin, std::span<const std::byte> bytes) : begin_(begin), bytes_(bytes) {}
  [[nodiscard]] std::optional<std::uint64_t> read(std::uint64_t address) const {
    const std::uint64_t offset = address - begin_;
    if (address < begin_ || bytes_.size() < 8 || offset > bytes_.size() - 8) return std::nullopt;
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + offset, sizeof(word));
    return word;
  }

 private:
  std::uint64_t begin_;
  std::span<const std::byte> bytes_;
};

// What compilers write: a register and a distance from it.
std::optional<std::uint64_t> cfa_of(Dwarf_Frame* rules, const Frame& frame) {
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(rules, &ops, &count) != 0 || count != 1) return std::nullopt;
  std::uint64_t reg = 0;
  std::uint64_t distance = 0;
  if (ops->atom == DW_OP_bregx) {
    reg = ops->number;
    distance = ops->number2;
  } else if (ops->atom >= DW_OP_breg0 && ops->atom <= DW_OP_breg31) {
    reg = ops->atom - DW_OP_breg0;
    distance = ops->number;
  } else {
    return std::nullopt;
  }
  if (reg == kSp) return frame.sp + distance;
  if (reg == kBp) return frame.bp + distance;
  return std::nullopt;
}

// The value of a register in the caller: where it was saved (at a distance from the CFA), or that
// which it still has.
std::optional<std::uint64_t> in_caller(
    Dwarf_Frame* rules, int reg, std::uint64_t cfa, std::uint64_t now, const Memory& memory) {
  std::array<Dwarf_Op, 3> room{};
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_register(rules, reg, room.data(), &ops, &count) != 0) return std::nullopt;
  if (count == 0) return ops == nullptr ? std::optional(now) : std::nullopt;
  if (ops[0].atom != DW_OP_call_frame_cfa) return std::nullopt;
  if (count == 1) return memory.read(cfa);
  if (count == 2 && ops[1].atom == DW_OP_plus_uconst) return memory.read(cfa + ops[1].number);
  return std::nullopt;
}

// By the tables of the file that the code is in.
std::optional<Frame> caller_of(const Frame& frame,
                               bool innermost,
                               const Memory& memory,
                               const ProcessImage& image,
                               CodeFiles& files) {
  // A return address may lie behind the end of a function that does not return.
  const std::uint64_t place = innermost ? frame.ip : frame.ip - 1;
  const Mapping* mapping = find_mapping(image.mappings, place);
  CodeFile* file = mapping != nullptr ? files.find(image, *mapping) : nullptr;
  if (file == nullptr || !file->cfi) return std::nullopt;
  const auto address = file->elf->address_of(place - mapping->begin + mapping->offset);
  Dwarf_Frame* raw = nullptr;
  if (!address || dwarf_cfi_addrframe(file->cfi.get(), *address, &raw) != 0) return std::nullopt;
  const std::unique_ptr<Dwarf_Frame, void (*)(void*)> rules(raw, std::free);
  const auto cfa = cfa_of(rules.get(), frame);
  if (!cfa || *cfa <= frame.sp) return std::nullopt;
  const auto ip = in_caller(rules.get(), kReturnAddress, *cfa, 0, memory);
  const auto bp = in_caller(rules.get(), kBp, *cfa, frame.bp, memory);
  if (!ip || !bp) return std::nullopt;
  return Frame{*ip, *cfa, *bp};
}

// By the frame pointer, where a function's own tables say nothing.
std::optional<Frame> caller_by_bp(const Frame& frame, const Memory& memory) {
  if (frame.bp < frame.sp) return std::nullopt;
  const auto bp = memory.read(frame.bp);
  const auto ip = memory.read(frame.bp + 8);
  if (!bp || !ip) return std::nullopt;
  return Frame{*ip, frame.bp + 16, *bp};
}

}  // namespace

Unwound unwind_top(const UserState& state, const ProcessImage& image, CodeFiles& files) {
  Unwound unwound;
  Frame frame{state.ip, state.sp, state.bp};
  const Memory memory(state.sp, state.top);
  unwound.frames.push_back(frame.ip);
  while (unwound.frames.size() < kMostFrames) {
    auto caller = caller_of(frame, unwound.frames.size() == 1, memory, image, files);
    if (!caller && frame.bp != state.bp) caller = caller_by_bp(frame, memory);
    if (!caller || find_mapping(image.mappings, caller->ip - 1) == nullptr) break;
    frame = *caller;
    unwound.frames.push_back(frame.ip);
  }
  unwound.chain_holds = frame.bp == state.bp;
  return unwound;
}

std::vector<std::uint64_t> join_stacks(const Unwound& top,
                                       std::span<const std::uint64_t> by_frame_pointer) {
  std::vector<std::uint64_t> joined = top.frames;
  if (joined.empty() || by_frame_pointer.empty()) return joined;
  const auto walked = by_frame_pointer.subspan(1);
  const auto met = std::find(walked.begin(), walked.end(), joined.back());
  if (joined.size() > 1 && met != walked.end()) {
    joined.insert(joined.end(), met + 1, walked.end());
  } else if (top.chain_holds) {
    joined.insert(joined.end(), walked.begin(), walked.end());
  }
  return joined;
}

}  // namespace tailwhy

#include "symbols/probe_points.h"

#include <Zydis/Zydis.h>
#include <algorithm>
#include <array>
#include <optional>

namespace tailwhy {
namespace {

constexpr std::size_t kMostCode = std::size_t{64} << 10;
constexpr int kMostPrologue = 32;  // instructions
constexpr std::size_t kMostReturns = 16;

struct Instruction {
  ZydisDecodedInstruction info;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;
};

class Decoder {
 public:
  Decoder() { ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64); }
  bool decode(std::span<const std::byte> code, Instruction& into) const {
    return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code.data(), code.size(), &into.info,
                                               into.operands.data()));
  }

 private:
  ZydisDecoder decoder_{};
};

bool is_conditional(const Instruction& at) {
  return at.info.meta.category == ZYDIS_CATEGORY_COND_BR;
}

bool is_jump(const Instruction& at) {
  return at.info.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

bool is_return(const Instruction& at) {
  return at.info.mnemonic == ZYDIS_MNEMONIC_RET;
}

// What arch/x86/kernel/uprobes.c emulates in all kernels that have BPF cookies.
bool is_emulated(const Instruction& at) {
  const ZydisDecodedInstruction& info = at.info;
  if ((info.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0) return false;
  if (info.opcode_map == ZYDIS_OPCODE_MAP_0F) return info.opcode >= 0x80 && info.opcode <= 0x8f;
  if (info.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT) return false;
  if (info.opcode >= 0x50 && info.opcode <= 0x57) return info.length <= 2;
  if (info.opcode >= 0x70 && info.opcode <= 0x7f) return true;
  return info.opcode == 0xe8 || info.opcode == 0xe9 || info.opcode == 0xeb ||
         (info.opcode == 0x90 && info.length == 1);
}

bool is_argument(ZydisRegister reg) {
  const ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
  return whole == ZYDIS_REGISTER_RDI || whole == ZYDIS_REGISTER_RSI ||
         whole == ZYDIS_REGISTER_RDX || whole == ZYDIS_REGISTER_RCX;
}

bool loses_argument(const Instruction& at) {
  const auto operands = std::span(at.operands).first(at.info.operand_count);
  return std::any_of(operands.begin(), operands.end(), [](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
           (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
           is_argument(operand.reg.value);
  });
}

// Where a direct jump leads; nothing: outside of the code, or not to be told.
std::optional<std::size_t> target(const Instruction& jump, std::size_t offset, std::size_t size) {
  const ZydisDecodedOperand& operand = jump.operands[0];
  if (operand.type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand.imm.is_relative) return {};
  const auto to = static_cast<std::int64_t>(offset + jump.info.length) + operand.imm.value.s;
  if (to < 0 || static_cast<std::uint64_t>(to) >= size) return {};
  return static_cast<std::size_t>(to);
}

void find_entry(const Decoder& decoder, std::span<const std::byte> code, ProbePoints& points) {
  Instruction at{};
  std::size_t offset = 0;
  for (int i = 0; i < kMostPrologue && decoder.decode(code.subspan(offset), at); ++i) {
    if (is_emulated(at)) {
      points.entry = offset;
      points.entry_emulated = true;
      return;
    }
    if (is_return(at) || is_jump(at) || is_conditional(at) || loses_argument(at)) return;
    offset += at.info.length;
    if (offset >= code.size()) return;
  }
}

// Follows every path from the first instruction on, so that no byte is taken for an instruction
// that is none: a probe there would break the program. False: some path leads out.
bool find_returns(const Decoder& decoder,
                  std::span<const std::byte> code,
                  std::vector<std::size_t>& returns) {
  std::vector<bool> seen(code.size());
  std::vector<std::size_t> begins = {0};
  Instruction at{};
  while (!begins.empty()) {
    std::size_t offset = begins.back();
    begins.pop_back();
    while (!seen[offset]) {
      seen[offset] = true;
      if (!decoder.decode(code.subspan(offset), at)) return false;
      if (is_return(at)) {
        returns.push_back(offset);
        break;
      }
      if (is_conditional(at) || is_jump(at)) {
        const auto to = target(at, offset, code.size());
        if (!to) return false;
        begins.push_back(*to);
        if (is_jump(at)) break;
      }
      if (at.info.mnemonic == ZYDIS_MNEMONIC_UD2 || at.info.mnemonic == ZYDIS_MNEMONIC_HLT) break;
      offset += at.info.length;
      // a call that does not return may be the last
      if (offset >= code.size()) {
        if (at.info.mnemonic != ZYDIS_MNEMONIC_CALL) return false;
        break;
      }
    }
  }
  std::sort(returns.begin(), returns.end());
  return returns.size() <= kMostReturns;
}

}  // namespace

ProbePoints find_probe_points(std::span<const std::byte> code) {
  ProbePoints points;
  if (code.empty()) return points;
  const Decoder decoder;
  find_entry(decoder, code, points);
  if (code.size() > kMostCode || !find_returns(decoder, code, points.returns))
    points.returns.clear();
  return points;
}

}  // namespace tailwhy

#include "symbols/go_code.h"

#include "symbols/x86_code.h"

namespace tailwhy {
namespace {

constexpr int kMostPrologue = 4;          // instructions
constexpr std::int64_t kMostSlot = 4096;  // bytes of stack

// cmp 0x10(%r14),%rsp or, in a function with a larger frame, cmp 0x10(%r14),%r12
bool compares_with_limit(const Instruction& at) {
  const ZydisDecodedOperand& limit = at.operands[1];
  return at.info.mnemonic == ZYDIS_MNEMONIC_CMP && limit.type == ZYDIS_OPERAND_TYPE_MEMORY &&
         limit.mem.base == ZYDIS_REGISTER_R14 && limit.mem.disp.value == 0x10;
}

// mov %rax,N(%rsp)
std::optional<std::uint16_t> spills_receiver(const Instruction& at) {
  const ZydisDecodedOperand& to = at.operands[0];
  const ZydisDecodedOperand& from = at.operands[1];
  if (at.info.mnemonic != ZYDIS_MNEMONIC_MOV || to.type != ZYDIS_OPERAND_TYPE_MEMORY ||
      from.type != ZYDIS_OPERAND_TYPE_REGISTER)
    return {};
  if (to.mem.base != ZYDIS_REGISTER_RSP || to.mem.index != ZYDIS_REGISTER_NONE ||
      from.reg.value != ZYDIS_REGISTER_RAX)
    return {};
  if (to.mem.disp.value <= 0 || to.mem.disp.value > kMostSlot) return {};
  return static_cast<std::uint16_t>(to.mem.disp.value);
}

}  // namespace

std::optional<std::size_t> find_stack_check(std::span<const std::byte> code) {
  const Decoder decoder;
  Instruction at{};
  std::size_t offset = 0;
  bool compared = false;
  for (int i = 0; i < kMostPrologue && offset < code.size(); ++i) {
    if (!decoder.decode(code.subspan(offset), at)) return {};
    if (compared)
      return at.info.mnemonic == ZYDIS_MNEMONIC_JBE ? std::optional(offset) : std::nullopt;
    compared = compares_with_limit(at);
    if (writes(at, ZYDIS_REGISTER_RAX) || writes(at, ZYDIS_REGISTER_RBX) ||
        writes(at, ZYDIS_REGISTER_RCX))
      return {};
    offset += at.info.length;
  }
  return {};
}

std::optional<GoCall> find_only_call(std::span<const std::byte> code, std::int64_t callee) {
  if (!find_stack_check(code)) return {};
  const Decoder decoder;
  Instruction at{};
  std::optional<std::uint16_t> slot;
  std::optional<GoCall> found;
  bool intact = true;  // rax is still the receiver
  for (std::size_t offset = 0; offset < code.size(); offset += at.info.length) {
    if (!decoder.decode(code.subspan(offset), at)) return {};
    if (intact && !slot) slot = spills_receiver(at);
    if (at.info.mnemonic == ZYDIS_MNEMONIC_CALL) {
      intact = false;
      const auto next = static_cast<std::int64_t>(offset + at.info.length);
      if (at.info.opcode != 0xe8 || next + at.operands[0].imm.value.s != callee) continue;
      if (found || !slot) return {};
      found = GoCall{offset, *slot};
    }
    intact = intact && !writes(at, ZYDIS_REGISTER_RAX);
  }
  return found;
}

}  // namespace tailwhy

#include "symbols/probe_points.h"

#include "symbols/x86_code.h"

#include <algorithm>

namespace tailwhy {
namespace {

constexpr int kMostPrologue = 32;  // instructions

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

// mov %rsp,%rcx or lea N(%rsp),%rcx
bool takes_place_on_stack(const Instruction& at) {
  const ZydisDecodedOperand& from = at.operands[1];
  if (at.info.mnemonic == ZYDIS_MNEMONIC_MOV)
    return from.type == ZYDIS_OPERAND_TYPE_REGISTER && from.reg.value == ZYDIS_REGISTER_RSP;
  return at.info.mnemonic == ZYDIS_MNEMONIC_LEA && from.mem.base == ZYDIS_REGISTER_RSP;
}

std::optional<std::int64_t> find_inner(const Decoder& decoder, std::span<const std::byte> code) {
  Instruction at{};
  std::size_t offset = 0;
  for (int i = 0; i < kMostPrologue && offset < code.size(); ++i) {
    if (!decoder.decode(code.subspan(offset), at) || is_return(at) || is_jump(at)) return {};
    offset += at.info.length;
    if (at.info.mnemonic == ZYDIS_MNEMONIC_CALL) {
      if (at.info.opcode != 0xe8) return {};
      return static_cast<std::int64_t>(offset) + at.operands[0].imm.value.s;
    }
    if (writes(at, ZYDIS_REGISTER_RDI) || writes(at, ZYDIS_REGISTER_RSI)) return {};
    if (writes(at, ZYDIS_REGISTER_RCX) && !takes_place_on_stack(at)) return {};
  }
  return {};
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

}  // namespace

ProbePoints find_probe_points(std::span<const std::byte> code) {
  ProbePoints points;
  if (code.empty()) return points;
  const Decoder decoder;
  find_entry(decoder, code, points);
  points.return_emulated = points.entry_emulated && points.entry == 0;
  points.inner = find_inner(decoder, code);
  return points;
}

}  // namespace tailwhy

// Instructions of x86-64, one after the other, and what the kernel does with a probe on one. Only
// for the files of this folder that look for places in code. Code is untrusted.
#pragma once

#include <Zydis/Zydis.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace tailwhy {

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

inline bool is_conditional(const Instruction& at) {
  return at.info.meta.category == ZYDIS_CATEGORY_COND_BR;
}

inline bool is_jump(const Instruction& at) {
  return at.info.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
}

inline bool is_return(const Instruction& at) {
  return at.info.mnemonic == ZYDIS_MNEMONIC_RET;
}

// What arch/x86/kernel/uprobes.c emulates in all kernels that have BPF cookies.
inline bool is_emulated(const Instruction& at) {
  const ZydisDecodedInstruction& info = at.info;
  if ((info.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0) return false;
  if (info.opcode_map == ZYDIS_OPCODE_MAP_0F) return info.opcode >= 0x80 && info.opcode <= 0x8f;
  if (info.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT) return false;
  if (info.opcode >= 0x50 && info.opcode <= 0x57) return info.length <= 2;
  if (info.opcode >= 0x70 && info.opcode <= 0x7f) return true;
  return info.opcode == 0xe8 || info.opcode == 0xe9 || info.opcode == 0xeb ||
         (info.opcode == 0x90 && info.length == 1);
}

inline bool writes(const Instruction& at, ZydisRegister whole) {
  const auto operands = std::span(at.operands).first(at.info.operand_count);
  return std::any_of(operands.begin(), operands.end(), [&](const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_REGISTER &&
           (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 &&
           ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == whole;
  });
}

}  // namespace tailwhy

// RAII over libbpf's links, and running an iterator program to its end.
#pragma once

#include "base/handle.h"
#include "base/result.h"

#include <bpf/libbpf.h>

#include <cstddef>
#include <vector>

namespace tailwhy {

struct LinkTraits {
  static bpf_link* invalid() noexcept { return nullptr; }
  static void close(bpf_link* link) noexcept { bpf_link__destroy(link); }
};

/// An attached program; detaches when destroyed.
using LinkHandle = Handle<bpf_link*, LinkTraits>;

/// Runs an attached iterator once; gives what its program wrote with bpf_seq_write.
Result<std::vector<std::byte>> run_iterator(const bpf_link* link);

}  // namespace tailwhy

#include "bpf/link.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <unistd.h>

namespace tailwhy {

Result<std::vector<std::byte>> run_iterator(const bpf_link* link) {
  const UniqueFd fd(bpf_iter_create(bpf_link__fd(link)));
  if (!fd) return Error::from_errno("start a BPF iterator", errno);
  std::vector<std::byte> bytes;
  constexpr std::size_t kChunk = 32768;
  for (;;) {
    const std::size_t size = bytes.size();
    bytes.resize(size + kChunk);
    const ssize_t got = read(fd.get(), bytes.data() + size, kChunk);
    const int err = errno;
    bytes.resize(size + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return bytes;
    // EAGAIN: the kernel went over a million objects without output and wants us to come again
    if (got < 0 && err != EINTR && err != EAGAIN)
      return Error::from_errno("run a BPF iterator", err);
  }
}

}  // namespace tailwhy

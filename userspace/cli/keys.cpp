#include "cli/keys.h"

#include "sinks/terminal.h"

#include <algorithm>
#include <unistd.h>

namespace tailwhy {

Keys::Keys(int fd) : fd_(take_keys(fd) ? fd : -1) {}

Keys::~Keys() {
  if (fd_ >= 0) give_back_keys();
}

Keys::Typed Keys::read() const {
  char keys[16];
  // In the background the next key is somebody else's, and reading it would stop us.
  const ssize_t size = keys_are_ours(fd_) ? ::read(fd_, keys, sizeof(keys)) : 0;
  if (size <= 0) return Typed::NoMore;
  return std::find(keys, keys + size, 'q') != keys + size ? Typed::Quit : Typed::Nothing;
}

}  // namespace tailwhy

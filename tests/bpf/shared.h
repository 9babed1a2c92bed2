// A plain value that the target writes and the test reads.
#pragma once

#include "bpf/scene.h"

#include <sys/mman.h>

#include <new>
#include <type_traits>

namespace tailwhy::test {

/// Made before the target is, zero at first.
template <class T>
class Shared {
 public:
  static_assert(std::is_trivial_v<T>);
  Shared() {
    void* memory =
        mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    value_ = static_cast<T*>(memory);
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { munmap(static_cast<void*>(value_), sizeof(T)); }

  T& operator*() { return *value_; }
  T* operator->() { return value_; }

 private:
  T* value_;
};

}  // namespace tailwhy::test

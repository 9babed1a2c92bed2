#include "flow/wait_class.h"

#include <sys/syscall.h>

namespace tailwhy {

namespace {

constexpr std::uint16_t kIoUringEnter = 426;

Part class_of_call(std::uint16_t nr) {
  switch (nr) {
    case SYS_futex:
    case 449:  // futex_waitv
    case 455:  // futex_wait
    case SYS_flock:
    case SYS_fcntl:
    case SYS_semop:
    case SYS_semtimedop:
      return Part::Lock;
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_sync:
    case SYS_syncfs:
    case SYS_sync_file_range:
    case SYS_msync:
      return Part::Disk;
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
      return Part::Sleep;
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case 441:  // epoll_pwait2
    case kIoUringEnter:
    case SYS_io_getevents:
    case SYS_accept:
    case SYS_accept4:
      return Part::Poll;
    default:
      return Part::Other;
  }
}

}  // namespace

Part wait_class(const tw_ev_off_cpu& off, std::optional<Role> peer) {
  if ((off.flags & TW_OFF_STOPPED) != 0) return Part::Other;
  if ((off.flags & TW_OFF_FAULT) != 0) return Part::PageFault;
  // A ring waits in an I/O wait whenever anything was asked of it: an accept, too.
  if (off.nr == kIoUringEnter && (off.flags & TW_OFF_COMPAT) == 0) return Part::Poll;
  if ((off.flags & TW_OFF_IO_WAIT) != 0) return Part::Disk;
  if (off.nr == TW_NO_CALL || (off.flags & TW_OFF_COMPAT) != 0) return Part::Other;
  const Part by_call = class_of_call(off.nr);
  if (by_call != Part::Other) return by_call;
  if (off.file == TW_FILE_REGULAR) return Part::Disk;
  if (off.nr == SYS_connect) return Part::Downstream;
  if (off.file == TW_FILE_SOCKET && peer) {
    return *peer == Role::Client ? Part::Downstream : Part::Client;
  }
  return Part::Other;
}

bool waits_for_mutex(const tw_ev_off_cpu& off) {
  const bool file_lock = off.nr == SYS_flock || off.nr == SYS_fcntl;
  return file_lock || (off.flags & TW_OFF_CONTENDED) != 0;
}

}  // namespace tailwhy

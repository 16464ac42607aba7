#include "sys/restart.h"

#include <asm/unistd.h>

#include <cerrno>

namespace godwit {
namespace {

// include/linux/errno.h: the kernel's own, never seen by programs.
constexpr std::int64_t kRestartSys = -512;
constexpr std::int64_t kRestartNoIntr = -513;
constexpr std::int64_t kRestartNoHand = -514;
constexpr std::int64_t kRestartBlock = -516;
constexpr unsigned kSyscallLength = 2;  // 0f 05

/** signal(7): calls that fail with EINTR after a stop although no handler ran. */
bool FailsAfterStop(std::uint64_t number) {
  switch (number) {
    case __NR_epoll_wait:
    case __NR_epoll_pwait:
    case __NR_epoll_pwait2:
    case __NR_semop:
    case __NR_semtimedop:
    case __NR_rt_sigtimedwait:
    case __NR_io_getevents:
    case __NR_io_pgetevents:
    case __NR_read:  // inotify descriptors; sockets with a timeout, here and below
    case __NR_accept:
    case __NR_accept4:
    case __NR_recvfrom:
    case __NR_recvmsg:
    case __NR_recvmmsg:
    case __NR_sendto:
    case __NR_sendmsg:
      return true;
    default:
      return false;
  }
}

void IssueAgain(Registers& registers, std::uint64_t number) {
  registers.rip -= kSyscallLength;
  registers.rax = number;
  registers.orig_rax = ~0ULL;
}

}  // namespace

Registers Undisturbed(pid_t tid, const Registers& stopped, std::uint64_t mask) {
  Registers registers = stopped;
  const bool in_syscall = static_cast<std::int64_t>(stopped.orig_rax) >= 0;
  if (in_syscall && static_cast<std::int64_t>(stopped.rax) == -EINTR && FailsAfterStop(stopped.orig_rax) &&
      !HasDeliverableSignal(tid, mask) && GroupStopSignal(tid) == 0) {
    IssueAgain(registers, stopped.orig_rax);
  }
  return registers;
}

void LetGo(std::span<const std::int32_t> tids) {
  for (const pid_t tid : tids) {
    Registers registers{};
    std::uint64_t mask = 0;
    if (GetRegisters(tid, registers) < 0 || GetSignalMask(tid, mask) < 0) continue;
    const Registers undisturbed = Undisturbed(tid, registers, mask);
    if (undisturbed.rip != registers.rip) SetRegisters(tid, undisturbed);
  }
  for (const pid_t tid : tids) Detach(tid, 0);
}

Registers SelfRestarting(const Registers& undisturbed) {
  Registers registers = undisturbed;
  if (static_cast<std::int64_t>(undisturbed.orig_rax) < 0) return registers;
  switch (static_cast<std::int64_t>(undisturbed.rax)) {
    case kRestartSys:
    case kRestartNoIntr:
    case kRestartNoHand:
      IssueAgain(registers, undisturbed.orig_rax);
      break;
    case kRestartBlock:
      IssueAgain(registers, __NR_restart_syscall);
      break;
    default:
      break;
  }
  return registers;
}

}  // namespace godwit

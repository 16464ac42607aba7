#include "sys/shell.h"

#include <signal.h>
#include <sys/ptrace.h>

#include <cerrno>

#include "stub/stub.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

constexpr int kProgramTimeoutMs = 60'000;
/// Steps that end before the instruction: one or two can be on their way.
constexpr int kStepTries = 16;
constexpr std::uint64_t kAllButTrap = ~(1ULL << (SIGTRAP - 1));

bool IsBirth(int event) {
  return event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK;
}

}  // namespace

int RunShell(pid_t tid, std::uint64_t base, std::uint64_t program, std::uint64_t count,
             std::span<std::int32_t> born) {
  Registers registers{};
  if (const int error = GetRegisters(tid, registers); error < 0) return error;
  registers.rip = base + ShellEntry();
  registers.orig_rax = ~0ULL;
  registers.r12 = program;
  registers.r13 = count;
  if (const int error = SetRegisters(tid, registers); error < 0) return error;
  // int3 forces SIGTRAP; were it blocked, the kernel would reset its action (force_sig_info_to_task).
  if (const int error = SetSignalMask(tid, kAllButTrap); error < 0) return error;

  std::size_t births = 0;
  for (;;) {
    if (const int error = Continue(tid, 0); error < 0) return error;
    const Stop stop = WaitForStop(tid, kProgramTimeoutMs);
    if (stop.kind == Stop::Kind::kTimeout) return -ETIMEDOUT;
    if (stop.kind != Stop::Kind::kStopped) return -ECHILD;
    if (IsBirth(stop.event)) {
      unsigned long child = 0;
      if (ptrace(PTRACE_GETEVENTMSG, tid, 0UL, &child) < 0) return -errno;
      if (births == born.size()) return -E2BIG;
      const Stop first = WaitForStop(static_cast<pid_t>(child), kProgramTimeoutMs);
      if (first.kind != Stop::Kind::kStopped) return -ECHILD;
      born[births++] = static_cast<std::int32_t>(child);
      continue;
    }
    if (stop.event == PTRACE_EVENT_STOP) continue;  // an interrupt that was still on its way
    return stop.value == SIGTRAP ? static_cast<int>(births) : -EPROTO;
  }
}

std::int64_t StepSyscall(pid_t tid, std::uint64_t address, std::uint64_t number,
                         const std::uint64_t (&args)[6]) {
  Registers registers{};
  if (const int error = GetRegisters(tid, registers); error < 0) return error;
  registers.rip = address;
  registers.rax = number;
  registers.orig_rax = ~0ULL;
  registers.rdi = args[0];
  registers.rsi = args[1];
  registers.rdx = args[2];
  registers.r10 = args[3];
  registers.r8 = args[4];
  registers.r9 = args[5];
  if (const int error = SetRegisters(tid, registers); error < 0) return error;
  if (const int error = SetSignalMask(tid, kAllButTrap); error < 0) return error;
  for (int tries = 0; tries < kStepTries; tries++) {
    if (ptrace(PTRACE_SINGLESTEP, tid, 0UL, 0UL) < 0) return -errno;
    const Stop stop = WaitForStop(tid, kProgramTimeoutMs);
    if (stop.kind != Stop::Kind::kStopped) return -ECHILD;
    if (stop.event == PTRACE_EVENT_STOP) continue;
    if (stop.value != SIGTRAP) return -EPROTO;
    if (const int error = GetRegisters(tid, registers); error < 0) return error;
    // A task that was stopped on its way out of a system call may report the step of that one first
    // (syscall_exit_work in kernel/entry/common.c): nothing was executed here then.
    if (registers.rip != address) return static_cast<std::int64_t>(registers.rax);
  }
  return -EPROTO;
}

}  // namespace godwit

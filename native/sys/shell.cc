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

/** Lets a program begin. */
int StartShell(std::uint64_t base, const ShellRun& run) {
  Registers registers{};
  if (const int error = GetRegisters(run.tid, registers); error < 0) return error;
  registers.rip = base + ShellEntry();
  registers.orig_rax = ~0ULL;
  registers.r12 = run.program;
  registers.r13 = run.count;
  if (const int error = SetRegisters(run.tid, registers); error < 0) return error;
  // int3 forces SIGTRAP; were it blocked, the kernel would reset its action (force_sig_info_to_task).
  if (const int error = SetSignalMask(run.tid, kAllButTrap); error < 0) return error;
  return Continue(run.tid, 0);
}

/** Waits for the end of a program that has begun. Returns the number of tasks born. */
int FinishShell(pid_t tid, std::span<std::int32_t> born) {
  std::size_t births = 0;
  for (;;) {
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
    } else if (stop.event != PTRACE_EVENT_STOP) {  // that is an interrupt that was still on its way
      return stop.value == SIGTRAP ? static_cast<int>(births) : -EPROTO;
    }
    if (const int error = Continue(tid, 0); error < 0) return error;
  }
}

int SingleStep(pid_t tid) { return ptrace(PTRACE_SINGLESTEP, tid, 0UL, 0UL) < 0 ? -errno : 0; }

int StartStep(pid_t tid, std::uint64_t address, std::uint64_t number, const std::uint64_t (&args)[6]) {
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
  return SingleStep(tid);
}

std::int64_t FinishStep(pid_t tid, std::uint64_t address) {
  for (int tries = 0; tries < kStepTries; tries++) {
    const Stop stop = WaitForStop(tid, kProgramTimeoutMs);
    if (stop.kind != Stop::Kind::kStopped) return -ECHILD;
    if (stop.event != PTRACE_EVENT_STOP) {
      if (stop.value != SIGTRAP) return -EPROTO;
      Registers registers{};
      if (const int error = GetRegisters(tid, registers); error < 0) return error;
      // A task that was stopped on its way out of a system call may report the step of that one first
      // (syscall_exit_work in kernel/entry/common.c): nothing was executed here then.
      if (registers.rip != address) return static_cast<std::int64_t>(registers.rax);
    }
    if (const int error = SingleStep(tid); error < 0) return error;
  }
  return -EPROTO;
}

}  // namespace

int RunShell(pid_t tid, std::uint64_t base, std::uint64_t program, std::uint64_t count,
             std::span<std::int32_t> born) {
  const int error = StartShell(base, {tid, program, count});
  return error < 0 ? error : FinishShell(tid, born);
}

void RunShells(std::uint64_t base, std::span<const ShellRun> runs, std::span<std::int32_t> results) {
  for (std::size_t i = 0; i < runs.size(); i++) results[i] = StartShell(base, runs[i]);
  for (std::size_t i = 0; i < runs.size(); i++)
    if (results[i] >= 0) results[i] = FinishShell(runs[i].tid, {});
}

std::int64_t StepSyscall(pid_t tid, std::uint64_t address, std::uint64_t number,
                         const std::uint64_t (&args)[6]) {
  const int error = StartStep(tid, address, number, args);
  return error < 0 ? error : FinishStep(tid, address);
}

void StepSyscalls(std::span<const std::int32_t> tids, std::span<const double> addresses, std::uint64_t number,
                  const std::uint64_t (&args)[6], std::span<std::int64_t> results) {
  const auto address = [&](std::size_t i) { return static_cast<std::uint64_t>(addresses[i]); };
  for (std::size_t i = 0; i < tids.size(); i++) results[i] = StartStep(tids[i], address(i), number, args);
  for (std::size_t i = 0; i < tids.size(); i++)
    if (results[i] >= 0) results[i] = FinishStep(tids[i], address(i));
}

}  // namespace godwit

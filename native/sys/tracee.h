// ptrace over one task: thin, without policy. Every function returns 0 (or a count) or a negative errno.
// ptrace is bound to the OS thread that seized (ptrace(2)): all calls come from that thread.
// Preconditions: unless said otherwise the task is ptrace-stopped.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit {

using Registers = user_regs_struct;

struct Stop {
  enum class Kind { kStopped, kExited, kKilled, kTimeout, kGone } kind = Kind::kGone;
  int value = 0;  // stop signal, exit code, or the signal that killed
  int event = 0;  // PTRACE_EVENT_*
};

/** PTRACE_SEIZE: does not stop the task. */
int Seize(pid_t tid, unsigned long options);
int SetOptions(pid_t tid, unsigned long options);
/** PTRACE_INTERRUPT of a running, seized task. */
int Interrupt(pid_t tid);
int Continue(pid_t tid, int signal);
/** PTRACE_SYSCALL: to the next entry or exit of a system call, with a signal or 0. */
int ContinueToSyscall(pid_t tid, int signal);
int Detach(pid_t tid, int signal);

/** Waits for a stop or the end of a task, at most timeout_ms. */
Stop WaitForStop(pid_t tid, int timeout_ms);
/** The signal that a stop reports and that is lost unless the task goes on with it (signal-delivery-stop, ptrace(2)); else 0. */
int SignalOf(const Stop& stop);
/**
 * Waits until an interrupted task is in its trap, at most timeout_ms for each stop. A signal that came first is delivered: its handler
 * has been entered then, or the task has ended.
 */
Stop WaitForTrap(pid_t tid, int timeout_ms);

int GetRegisters(pid_t tid, Registers& out);
int SetRegisters(pid_t tid, const Registers& registers);
/** NT_X86_XSTATE; returns the length in bytes. */
int GetXstate(pid_t tid, std::span<std::byte> out);
int SetXstate(pid_t tid, std::span<const std::byte> state);
/** Linux 3.11. With a saved mask (sigsuspend, ppoll) it is the saved one, and setting it drops the temporary one. */
int GetSignalMask(pid_t tid, std::uint64_t& mask);
int SetSignalMask(pid_t tid, std::uint64_t mask);

inline constexpr std::size_t kSiginfoSize = 128;
/** Copies queued siginfo records, oldest first, and leaves them queued. Returns how many. */
int PeekSiginfo(pid_t tid, bool shared, std::span<std::byte> out);
/**
 * The signal whose job-control stop holds a ptrace-stopped task (SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU); 0: none does.
 * ptrace(2): the trap of a seized task reports the stop signal then, else SIGTRAP.
 */
int GroupStopSignal(pid_t tid);
/**
 * Signals that nothing would come of, signal n as bit n - 1: ignored, or by default (signal(7)). Of a tracee the kernel queues those too
 * (sig_ignored). For any task, from /proc.
 */
std::uint64_t IgnoredSignals(pid_t tid);
/** Whether a signal is pending that the mask lets through and that is not ignored. */
bool HasDeliverableSignal(pid_t tid, std::uint64_t mask);

struct RseqConfiguration {
  std::uint64_t area;
  std::uint32_t size;
  std::uint32_t signature;
  std::uint32_t flags;
};
/** PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13. */
int GetRseq(pid_t tid, RseqConfiguration& out);

}  // namespace godwit

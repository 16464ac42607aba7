#include "sys/tracee.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sys/fd.h"
#include "sys/pause.h"

namespace godwit {
namespace {

template <typename Address, typename Data>
int Ptrace(int request, pid_t tid, Address address, Data data) {
  // glibc declares ptrace variadic with an enum; the kernel takes four words.
  const long result = ptrace(static_cast<__ptrace_request>(request), tid, address, data);
  return result < 0 ? -errno : static_cast<int>(result);
}

Stop Decode(int status) {
  if (WIFEXITED(status)) return {Stop::Kind::kExited, WEXITSTATUS(status), 0};
  if (WIFSIGNALED(status)) return {Stop::Kind::kKilled, WTERMSIG(status), 0};
  return {Stop::Kind::kStopped, WSTOPSIG(status), status >> 16};
}

}  // namespace

int Seize(pid_t tid, unsigned long options) { return Ptrace(PTRACE_SEIZE, tid, 0UL, options); }
int SetOptions(pid_t tid, unsigned long options) { return Ptrace(PTRACE_SETOPTIONS, tid, 0UL, options); }
int Interrupt(pid_t tid) { return Ptrace(PTRACE_INTERRUPT, tid, 0UL, 0UL); }
int Continue(pid_t tid, int signal) {
  return Ptrace(PTRACE_CONT, tid, 0UL, static_cast<unsigned long>(signal));
}
int ContinueToSyscall(pid_t tid, int signal) {
  return Ptrace(PTRACE_SYSCALL, tid, 0UL, static_cast<unsigned long>(signal));
}
int Detach(pid_t tid, int signal) {
  return Ptrace(PTRACE_DETACH, tid, 0UL, static_cast<unsigned long>(signal));
}

Stop WaitForStop(pid_t tid, int timeout_ms) {
  const std::int64_t limit = static_cast<std::int64_t>(timeout_ms) * 1000;
  for (Pauses pauses;; pauses.Next()) {
    int status = 0;
    const pid_t waited = waitpid(tid, &status, __WALL | WNOHANG);
    if (waited == tid) return Decode(status);
    if (waited < 0 && errno != EINTR) return {Stop::Kind::kGone, 0, 0};
    if (pauses.Elapsed() >= limit) return {Stop::Kind::kTimeout, 0, 0};
  }
}

int SignalOf(const Stop& stop) {
  if (stop.kind != Stop::Kind::kStopped || stop.event != 0) return 0;
  return stop.value == (SIGTRAP | 0x80) ? 0 : stop.value;  // PTRACE_O_TRACESYSGOOD
}

Stop WaitForTrap(pid_t tid, int timeout_ms) {
  for (;;) {
    const Stop stop = WaitForStop(tid, timeout_ms);
    if (stop.kind != Stop::Kind::kStopped || stop.event == PTRACE_EVENT_STOP) return stop;
    if (Continue(tid, SignalOf(stop)) < 0) return {Stop::Kind::kGone, 0, 0};
  }
}

int GetRegisters(pid_t tid, Registers& out) { return Ptrace(PTRACE_GETREGS, tid, 0UL, &out); }
int SetRegisters(pid_t tid, const Registers& registers) {
  return Ptrace(PTRACE_SETREGS, tid, 0UL, const_cast<Registers*>(&registers));
}

int GetXstate(pid_t tid, std::span<std::byte> out) {
  iovec area{out.data(), out.size()};
  const int result = Ptrace(PTRACE_GETREGSET, tid, static_cast<unsigned long>(NT_X86_XSTATE), &area);
  return result < 0 ? result : static_cast<int>(area.iov_len);
}

int SetXstate(pid_t tid, std::span<const std::byte> state) {
  iovec area{const_cast<std::byte*>(state.data()), state.size()};
  return Ptrace(PTRACE_SETREGSET, tid, static_cast<unsigned long>(NT_X86_XSTATE), &area);
}

int GetSignalMask(pid_t tid, std::uint64_t& mask) {
  return Ptrace(PTRACE_GETSIGMASK, tid, sizeof(mask), &mask);
}
int SetSignalMask(pid_t tid, std::uint64_t mask) {
  return Ptrace(PTRACE_SETSIGMASK, tid, sizeof(mask), &mask);
}

int PeekSiginfo(pid_t tid, bool shared, std::span<std::byte> out) {
  std::size_t count = 0;
  while ((count + 1) * kSiginfoSize <= out.size()) {
    const auto room = static_cast<std::int32_t>((out.size() - count * kSiginfoSize) / kSiginfoSize);
    __ptrace_peeksiginfo_args args{};
    args.off = count;
    args.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0;
    args.nr = room > 64 ? 64 : room;
    const int got = Ptrace(PTRACE_PEEKSIGINFO, tid, &args, out.data() + count * kSiginfoSize);
    if (got < 0) return got;
    if (got == 0) break;
    count += static_cast<std::size_t>(got);
  }
  return static_cast<int>(count);
}

int GroupStopSignal(pid_t tid) {
  siginfo_t info{};
  // EINVAL: stopped where there is no siginfo, so in no PTRACE_EVENT_STOP.
  if (const int error = Ptrace(PTRACE_GETSIGINFO, tid, 0UL, &info); error < 0)
    return error == -EINVAL ? 0 : error;
  return info.si_code >> 8 == PTRACE_EVENT_STOP && info.si_signo != SIGTRAP ? info.si_signo : 0;
}

namespace {

constexpr std::uint64_t Bit(int signal) { return 1ULL << (signal - 1); }

}  // namespace

std::uint64_t IgnoredSignals(pid_t tid) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/status", tid);
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 8192> text{};
  const ssize_t length = file.valid() ? read(file.get(), text.data(), text.size() - 1) : -1;
  const auto field = [&](const char* name) -> std::uint64_t {
    const char* found = length > 0 ? std::strstr(text.data(), name) : nullptr;
    return found == nullptr ? 0 : std::strtoull(found + std::strlen(name), nullptr, 16);
  };
  constexpr std::uint64_t by_default = Bit(SIGCHLD) | Bit(SIGCONT) | Bit(SIGURG) | Bit(SIGWINCH);
  return length > 0 ? field("\nSigIgn:") | (by_default & ~field("\nSigCgt:")) : 0;
}

bool HasDeliverableSignal(pid_t tid, std::uint64_t mask) {
  std::uint64_t due = 0;
  std::array<std::byte, 64 * kSiginfoSize> records{};
  for (const bool shared : {false, true}) {
    const int count = PeekSiginfo(tid, shared, records);
    for (int i = 0; i < count; i++) {
      std::int32_t signal = 0;
      std::memcpy(&signal, records.data() + static_cast<std::size_t>(i) * kSiginfoSize, sizeof(signal));
      if (signal > 0 && signal <= 64) due |= Bit(signal) & ~mask;
    }
  }
  return due != 0 && (due & ~IgnoredSignals(tid)) != 0;
}

int GetRseq(pid_t tid, RseqConfiguration& out) {
  __ptrace_rseq_configuration configuration{};
  const int result = Ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration);
  if (result < 0) return result;
  out = {configuration.rseq_abi_pointer, configuration.rseq_abi_size, configuration.signature,
         configuration.flags};
  return 0;
}

}  // namespace godwit

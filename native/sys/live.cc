#include "sys/live.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "stub/ops.h"
#include "stub/stub.h"
#include "sys/pause.h"
#include "sys/protection_keys.h"
#include "sys/restart.h"
#include "sys/tracee.h"
#include "sys/vdso_room.h"

namespace godwit {
namespace {

// A stop takes microseconds. Under load a thread may wait for its CPU for seconds: seven busy threads that sleep and wake
// kept another of their process from it for 5.7 s (6.18).
constexpr int kStopTimeoutMs = 30'000;
constexpr std::uint64_t kMfdNoexecSeal = 8;
constexpr std::uint64_t kAllSignals = ~0ULL;
constexpr std::uint64_t kOverflowFlag = 1U << 11;
constexpr std::uint64_t kDirectionFlag = 1U << 10;

Cure MakeCure(const Registers& r, std::uint64_t mask) {
  const std::uint64_t flags = (r.eflags & kOverflowFlag ? 1U : 0U) | (r.eflags & 0xff) << 8;
  return {mask, flags, r.r15, r.r14, r.r13, r.r12, r.rbp, r.rbx, r.r11, r.r10,
          r.r9, r.r8,  r.rax, r.rcx, r.rdx, r.rsi, r.rdi, r.rip, r.rsp};
}

/** What a stopped thread was, and the way back to it. */
struct Saved {
  Registers registers{};
  std::uint64_t mask = 0;

  int Read(pid_t tid) {
    Registers stopped{};
    if (const int error = GetRegisters(tid, stopped); error < 0) return error;
    if (const int error = GetSignalMask(tid, mask); error < 0) return error;
    // Then the code could not even read its own program. Nothing puts PKRU back by itself, so it is left alone.
    if (const int barred = IsBarredFromKeyZero(tid); barred != 0) return barred < 0 ? barred : -EFAULT;
    // The cure cannot put back a set direction flag; the ABI has it clear but for a few instructions.
    if (stopped.eflags & kDirectionFlag) return -EAGAIN;
    registers = Undisturbed(tid, stopped, mask);
    return 0;
  }
  [[nodiscard]] Cure MakeCure() const { return godwit::MakeCure(SelfRestarting(registers), mask); }
  [[nodiscard]] int Restore(pid_t tid) const {
    if (const int error = SetSignalMask(tid, mask); error < 0) return error;
    return SetRegisters(tid, registers);
  }
};

/** Preconditions: the task was interrupted. A SIGSTOP that came first is passed on: it stops the task again when it is let go. */
int WaitUntilStopped(pid_t tid) {
  const Stop stop = WaitForTrap(tid, kStopTimeoutMs);
  if (stop.kind == Stop::Kind::kStopped) return 0;
  return stop.kind == Stop::Kind::kTimeout ? -ETIMEDOUT : -ESRCH;
}

Fd OpenMemory(pid_t pid) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/mem", pid);
  return Fd(open(path, O_RDWR | O_CLOEXEC));
}

/** What the first code is to do in a live thread. */
struct FirstCalls {
  std::uint64_t number = 0;
  std::uint64_t args[6] = {};
  /** Not empty: the call is memfd_create, and so many bytes of the file are mapped, there if it is free; then it is closed. */
  Range file;
};
constexpr int kFileCalls = 3;

/** Lets a thread run to the exit of its next system call. */
int FinishCall(pid_t tid, Registers& registers) {
  for (int stops = 0, signal = 0; stops < 2;) {  // entry, exit
    if (const int error = ContinueToSyscall(tid, signal); error < 0) return error;
    const Stop stop = WaitForStop(tid, kStopTimeoutMs);
    if (stop.kind != Stop::Kind::kStopped) return stop.kind == Stop::Kind::kTimeout ? -ETIMEDOUT : -ESRCH;
    signal = SignalOf(stop);  // SIGSTOP, which no mask keeps away
    // PTRACE_SEIZE alone traps a task in job-control stop, so that our PTRACE_INTERRUPT may still be on its way.
    if (stop.event == 0 && signal == 0) stops++;
  }
  return GetRegisters(tid, registers);
}

/**
 * Makes the first code's system calls in a live thread; `returned(index, result)` hears of each before the next one. 0 or a negative
 * errno of ours.
 */
template <typename Returned>
int RunFirst(pid_t pid, pid_t tid, Range vdso, const FirstCalls& calls, Returned returned) {
  const Fd memory = OpenMemory(pid);
  if (!memory.valid()) return -errno;
  const auto [room, length] = FindVdsoRoom(memory.get(), vdso);
  if (room == 0) return -ENOSPC;
  Saved saved;
  if (const int error = saved.Read(tid); error < 0) return error;

  const Cure cure = saved.MakeCure();
  std::vector<std::byte> code(FirstCode().begin(), FirstCode().end());
  std::memcpy(code.data() + FirstDataOffset(), &cure, sizeof(cure));
  AddTrailer(code, length);
  if (pwrite(memory.get(), code.data(), code.size(), static_cast<off_t>(room)) !=
      static_cast<ssize_t>(code.size())) {
    return -EIO;
  }

  Registers registers = saved.registers;
  registers.rip = room;
  registers.rax = calls.number;
  registers.orig_rax = ~0ULL;
  registers.rdi = calls.file.length > 0 ? room + FirstNameOffset() : calls.args[0];
  registers.rsi = calls.args[1];
  registers.rdx = calls.args[2];
  registers.r10 = calls.args[3];
  registers.r8 = calls.args[4];
  registers.r9 = calls.args[5];
  registers.r12 = calls.file.length;
  registers.r13 = calls.file.start;
  if (const int error = SetRegisters(tid, registers); error < 0) return error;
  if (const int error = SetSignalMask(tid, kAllSignals); error < 0) return error;
  const int count = calls.file.length > 0 ? kFileCalls : 1;
  for (int index = 0; index < count; ++index) {
    if (const int error = FinishCall(tid, registers); error < 0) return error;
    const auto result = static_cast<std::int64_t>(registers.rax);
    returned(index, result);
    if (index == 0 && result < 0) break;  // then the code goes on to its cure
  }
  // Only a stop by PTRACE_INTERRUPT lies where the kernel looks for calls to restart; an exit stop does not.
  if (const int error = Interrupt(tid); error < 0) return error;
  if (const int error = Continue(tid, 0); error < 0) return error;
  if (const int error = WaitUntilStopped(tid); error < 0) return error;
  return saved.Restore(tid);
}

/** One system call. Its result goes to `result`. */
int CallOnce(pid_t pid, pid_t tid, Range vdso, const FirstCalls& call, std::int64_t& result) {
  return RunFirst(pid, tid, vdso, call, [&](int /*index*/, std::int64_t returned) { result = returned; });
}

Fd TakeDescriptor(pid_t pid, int number) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return Fd();
  return Fd(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), number, 0)));
}

/** Scratch memory of a memfd, whose descriptor the process has for the moment that it takes us to get our own. */
int MapFile(pid_t pid, pid_t tid, Range vdso, Range place, std::uint64_t flags, LiveScratch& out) {
  int failed = 0;
  const FirstCalls calls{.number = SYS_memfd_create, .args = {0, flags}, .file = place};
  const int error = RunFirst(pid, tid, vdso, calls, [&](int index, std::int64_t result) {
    if (result < 0 && failed == 0) failed = static_cast<int>(result);
    if (index == 1) out.address = result < 0 ? 0 : static_cast<std::uint64_t>(result);
    if (index != 0 || result < 0) return;
    out.memory = TakeDescriptor(pid, static_cast<int>(result));
    const bool is_long =
        out.memory.valid() && ftruncate(out.memory.get(), static_cast<off_t>(place.length)) == 0;
    if (!is_long) failed = -errno;
  });
  if (error < 0) return error;
  if (failed < 0 && out.address != 0) CloseLive(pid, tid, vdso, {out.address, place.length});
  return failed;
}

}  // namespace

int OpenLive(pid_t pid, pid_t tid, Range vdso, Range place, bool map_files, LiveScratch& out) {
  if (!map_files) {
    // Where vm.memfd_noexec is 2 nothing else may be made; its mappings may be executable all the same. EINVAL: before Linux 6.3.
    const int error = MapFile(pid, tid, vdso, place, MFD_CLOEXEC | kMfdNoexecSeal, out);
    return error == -EINVAL ? MapFile(pid, tid, vdso, place, MFD_CLOEXEC, out) : error;
  }
  const auto [start, length] = place;
  std::int64_t address = 0;
  const FirstCalls map{
      .number = SYS_mmap,
      .args = {start, length, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, ~0ULL, 0}};
  if (const int error = CallOnce(pid, tid, vdso, map, address); error < 0) return error;
  if (address < 0) return static_cast<int>(address);
  out.address = static_cast<std::uint64_t>(address);
  char path[96];
  std::snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
                static_cast<unsigned long long>(out.address),
                static_cast<unsigned long long>(out.address + length));
  out.memory = Fd(open(path, O_RDWR | O_CLOEXEC));
  if (out.memory.valid()) return 0;
  const int error = -errno;
  CloseLive(pid, tid, vdso, {out.address, length});
  return error;
}

int CloseLive(pid_t pid, pid_t tid, Range vdso, Range scratch) {
  std::int64_t result = 0;
  const FirstCalls unmap{.number = SYS_munmap, .args = {scratch.start, scratch.length}};
  if (const int error = CallOnce(pid, tid, vdso, unmap, result); error < 0) return error;
  return static_cast<int>(result);
}

int RunLive(pid_t tid, std::uint64_t base, std::byte* memory, std::uint64_t offset, std::uint64_t count) {
  Saved saved;
  if (const int error = saved.Read(tid); error < 0) return error;
  const Cure cure = saved.MakeCure();
  std::memcpy(memory + kCureOffset, &cure, sizeof(cure));
  auto* handshake = reinterpret_cast<Handshake*>(memory + kHandshakeOffset);
  std::atomic_ref done(handshake->done);
  done.store(0);
  std::atomic_ref(handshake->release).store(0);

  Registers registers = saved.registers;
  registers.rip = base + LiveEntry();
  registers.orig_rax = ~0ULL;
  registers.r12 = base + offset;
  registers.r13 = count;
  if (const int error = SetRegisters(tid, registers); error < 0) return error;
  if (const int error = SetSignalMask(tid, kAllSignals); error < 0) return error;
  if (const int error = Continue(tid, 0); error < 0) return error;
  for (Pauses pauses; done.load(std::memory_order_acquire) == 0; pauses.Next()) {
    siginfo_t ended{};
    // A thread that stops or dies on the way must not be waited for; WNOWAIT leaves the stop for WaitUntilStopped.
    if (waitid(P_PID, static_cast<id_t>(tid), &ended, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0 &&
        ended.si_pid == tid) {
      if (ended.si_code == CLD_EXITED || ended.si_code == CLD_KILLED || ended.si_code == CLD_DUMPED)
        return -ESRCH;
      const Stop stop = WaitForStop(tid, kStopTimeoutMs);
      if (stop.kind != Stop::Kind::kStopped) return -ESRCH;
      if (const int error = Continue(tid, SignalOf(stop)); error < 0) return error;
    }
    if (pauses.Elapsed() > std::int64_t{kStopTimeoutMs} * 1000) return -ETIMEDOUT;
  }
  if (const int error = Interrupt(tid); error < 0) return error;
  if (const int error = WaitUntilStopped(tid); error < 0) return error;
  // An agent that was held up for very long finds that the thread has stopped waiting and cured itself.
  if (const int error = GetRegisters(tid, registers); error < 0) return error;
  if (registers.rip < base || registers.rip >= base + kProgramOffset) return -ETIMEDOUT;
  return saved.Restore(tid);
}

}  // namespace godwit

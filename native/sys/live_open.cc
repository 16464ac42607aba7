// The first steps in a live process: scratch memory, and its end.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "stub/ops.h"
#include "stub/stub.h"
#include "sys/live.h"
#include "sys/live_parts.h"
#include "sys/tracee.h"
#include "sys/vdso_room.h"

namespace godwit {
namespace {

constexpr std::uint64_t kMfdNoexecSeal = 8;

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

}  // namespace godwit

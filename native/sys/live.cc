#include "sys/live.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "stub/ops.h"
#include "stub/stub.h"
#include "sys/live_parts.h"
#include "sys/pause.h"
#include "sys/protection_keys.h"
#include "sys/restart.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

constexpr std::uint64_t kOverflowFlag = 1U << 11;
constexpr std::uint64_t kDirectionFlag = 1U << 10;
constexpr std::uint32_t kSpins = 1000;  // tens of microseconds: most agents are faster

/** Lets a program begin. */
int StartLive(const LiveRun& run, Saved& saved, std::uint32_t spins) {
  if (const int error = saved.Read(run.tid); error < 0) return error;
  const Cure cure = saved.MakeCure();
  std::memcpy(run.memory + kCureOffset, &cure, sizeof(cure));
  auto* handshake = reinterpret_cast<Handshake*>(run.memory + kHandshakeOffset);
  std::atomic_ref(handshake->done).store(0);
  std::atomic_ref(handshake->release).store(0);
  handshake->spins = spins;

  Registers registers = saved.registers;
  registers.rip = run.base + LiveEntry();
  registers.orig_rax = ~0ULL;
  registers.r12 = run.base + run.offset;
  registers.r13 = run.count;
  if (const int error = SetRegisters(run.tid, registers); error < 0) return error;
  if (const int error = SetSignalMask(run.tid, kAllSignals); error < 0) return error;
  return Continue(run.tid, 0);
}

/** Until the program says that it is done. */
int AwaitDone(const LiveRun& run) {
  const std::atomic_ref done(reinterpret_cast<Handshake*>(run.memory + kHandshakeOffset)->done);
  for (Pauses pauses; done.load(std::memory_order_acquire) == 0; pauses.Next()) {
    siginfo_t ended{};
    // A thread that stops or dies on the way must not be waited for; WNOWAIT leaves the stop for WaitUntilStopped.
    if (waitid(P_PID, static_cast<id_t>(run.tid), &ended, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) ==
            0 &&
        ended.si_pid == run.tid) {
      if (ended.si_code == CLD_EXITED || ended.si_code == CLD_KILLED || ended.si_code == CLD_DUMPED)
        return -ESRCH;
      const Stop stop = WaitForStop(run.tid, kStopTimeoutMs);
      if (stop.kind != Stop::Kind::kStopped) return -ESRCH;
      if (const int error = Continue(run.tid, SignalOf(stop)); error < 0) return error;
    }
    if (pauses.Elapsed() > std::int64_t{kStopTimeoutMs} * 1000) return -ETIMEDOUT;
  }
  return 0;
}

/** Stops it as it was before. Preconditions: it is done, and was interrupted. */
int TakeBack(const LiveRun& run, const Saved& saved) {
  if (const int error = WaitUntilStopped(run.tid); error < 0) return error;
  // An agent that was held up for very long finds that the thread has stopped waiting and cured itself.
  Registers registers{};
  if (const int error = GetRegisters(run.tid, registers); error < 0) return error;
  if (registers.rip < run.base || registers.rip >= run.base + kProgramOffset) return -ETIMEDOUT;
  return saved.Restore(run.tid);
}

}  // namespace

int Saved::Read(pid_t tid) {
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

Cure Saved::MakeCure() const {
  const Registers r = SelfRestarting(registers);
  const std::uint64_t flags = (r.eflags & kOverflowFlag ? 1U : 0U) | (r.eflags & 0xff) << 8;
  return {mask, flags, r.r15, r.r14, r.r13, r.r12, r.rbp, r.rbx, r.r11, r.r10,
          r.r9, r.r8,  r.rax, r.rcx, r.rdx, r.rsi, r.rdi, r.rip, r.rsp};
}

int Saved::Restore(pid_t tid) const {
  if (const int error = SetSignalMask(tid, mask); error < 0) return error;
  return SetRegisters(tid, registers);
}

int WaitUntilStopped(pid_t tid) {
  const Stop stop = WaitForTrap(tid, kStopTimeoutMs);
  if (stop.kind == Stop::Kind::kStopped) return 0;
  return stop.kind == Stop::Kind::kTimeout ? -ETIMEDOUT : -ESRCH;
}

int RunLive(pid_t tid, std::uint64_t base, std::byte* memory, std::uint64_t offset, std::uint64_t count) {
  const LiveRun run{tid, base, memory, offset, count};
  std::int32_t result = 0;
  RunLives({&run, 1}, {&result, 1});
  return result;
}

void RunLives(std::span<const LiveRun> runs, std::span<std::int32_t> results) {
  std::vector<Saved> saved(runs.size());
  const auto each = [&](auto step) {
    for (std::size_t i = 0; i < runs.size(); i++)
      if (results[i] >= 0) results[i] = step(runs[i], saved[i]);
  };
  std::ranges::fill(results, 0);
  // One that is awake stops soonest; of many the others need the CPU.
  const std::uint32_t spins = runs.size() == 1 ? kSpins : 0;
  each([spins](const LiveRun& run, Saved& own) { return StartLive(run, own, spins); });
  each([](const LiveRun& run, const Saved& /*saved*/) { return AwaitDone(run); });
  each([](const LiveRun& run, const Saved& /*saved*/) { return Interrupt(run.tid); });
  each(TakeBack);
}

}  // namespace godwit

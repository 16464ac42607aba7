// Remote programs in a live process: one that must run on correctly whatever happens to the agent.
// Everything that is executed there ends by putting back the thread's own mask and registers (stub.S, the cure), so
// an agent killed at any instruction leaves a running process. kernel-side order: the registers are pointed at the
// code before the mask changes, and the mask is put back before the registers.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/fd.h"

namespace godwit {

struct Range {
  std::uint64_t start = 0;
  std::uint64_t length = 0;
};

struct LiveScratch {
  std::uint64_t address = 0;
  Fd memory;
};

/**
 * Maps shared scratch memory in the process, at `place` if that is free, and opens it: through /proc/PID/map_files (CAP_CHECKPOINT_RESTORE
 * or CAP_SYS_ADMIN), or, without `map_files`, as a memfd whose descriptor the process has meanwhile; then all its threads must be
 * stopped, for they would see the number in use. Preconditions: tid is ptrace-stopped with PTRACE_O_TRACESYSGOOD, and no other
 * thread of the process is inside our code. Returns 0 or a negative errno: -ENOSPC: no room in the vdso.
 */
int OpenLive(pid_t pid, pid_t tid, Range vdso, Range place, bool map_files, LiveScratch& out);

/** Unmaps it again. Preconditions as above. */
int CloseLive(pid_t pid, pid_t tid, Range vdso, Range scratch);

/**
 * Executes `count` operations at base + offset of the scratch memory, which the agent sees at `memory`. Returns 0, or
 * a negative errno (-ESRCH: the thread died; -ETIMEDOUT). Preconditions: tid is ptrace-stopped; the stub's code is in place.
 */
int RunLive(pid_t tid, std::uint64_t base, std::byte* memory, std::uint64_t offset, std::uint64_t count);

/** A program for one process of several, or for one thread of it. Fields as the parameters of RunLive. */
struct LiveRun {
  pid_t tid = 0;
  std::uint64_t base = 0;
  std::byte* memory = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
};

/**
 * The same in several processes at once, with scratch memory of their own each. Results as of RunLive, for each run. Nothing is waited for until
 * all of them run.
 */
void RunLives(std::span<const LiveRun> runs, std::span<std::int32_t> results);

}  // namespace godwit

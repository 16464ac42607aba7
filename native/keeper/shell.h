// Root shells: blank processes with a wanted PID that ptrace and programs then turn into the root of a tree.
// Run by the keeper, and by its init inside a new PID namespace; the shell becomes a child of whoever calls.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace godwit {

struct ShellRequest {
  pid_t vpid = 0;  // its PID in the caller's PID namespace
  pid_t sid = 0;   // session whose leader is dead or elsewhere; 0 or vpid: none is made
  std::int32_t has_time =
      0;  // a time namespace with these offsets (relative to the initial one, as in timens_offsets)
  std::int64_t monotonic_s = 0, monotonic_ns = 0, boottime_s = 0, boottime_ns = 0;
  std::int32_t pidfd_number = 0;  // number that the agent's pidfd gets in the shell
  std::int32_t cgroup_fd = -1;    // fence that it is born into
  std::int32_t agent_pidfd = -1;
};

enum class ShellStage : std::int32_t { kRoot, kSession, kTime, kReady, kInit, kMount };

struct ShellReport {
  std::int32_t error = 0;  // a negative errno
  ShellStage stage = ShellStage::kRoot;
  std::int32_t pid = 0;
};

/** fork by clone3(2), in PID `wanted` unless 0, into a cgroup unless -1. 0 in the child; PID or negative errno. */
pid_t CloneProcess(std::uint64_t flags, pid_t wanted, int cgroup_fd);

/** Comes back when the shell has nothing left to do but pause. */
ShellReport MakeShell(const ShellRequest& request);

}  // namespace godwit

// Throw-away children of the feature probes. They are forked from a process with threads (Node), so a child's code may
// only make system calls and then _exit: no allocation, no locks. All signals are blocked in it, so that no handler of
// Node runs there; it dies with the agent.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

namespace godwit {

/// fork(2) by raw system call, without an exit signal (Node's SIGCHLD handler sees nothing). `flags` are CLONE_NEW*;
/// with `set_tid` the child gets that PID. In the child 0. -errno on failure.
pid_t ForkProbe(std::uint64_t flags = 0, pid_t set_tid = 0);

/// Reaps; kills it if it has not ended within 5 s. Returns -(exit code), -EINTR when it was killed by a signal.
int ReapProbe(pid_t pid);

/// Runs `body` in a child; it returns 0 or a positive errno.
template <typename Body>
int InChild(Body body, std::uint64_t flags = 0) {
  const pid_t pid = ForkProbe(flags);
  if (pid < 0) return pid;
  if (pid == 0) _exit(body());
  return ReapProbe(pid);
}

/// A child that sleeps until the end of the scope, or dies with the agent.
class ParkedChild {
 public:
  ParkedChild();
  ~ParkedChild();
  ParkedChild(const ParkedChild&) = delete;
  ParkedChild& operator=(const ParkedChild&) = delete;

  /// -errno when it could not be made.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool valid() const { return pid_ > 0; }

 private:
  pid_t pid_ = 0;
};

}  // namespace godwit

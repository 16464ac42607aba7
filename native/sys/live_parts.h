// What running and opening a live process have in common (live.cc, live_open.cc).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "stub/ops.h"
#include "sys/tracee.h"

namespace godwit {

// A stop takes microseconds. Under load a thread may wait for its CPU for seconds: seven busy threads that sleep and wake
// kept another of their process from it for 5.7 s (6.18).
inline constexpr int kStopTimeoutMs = 30'000;
inline constexpr std::uint64_t kAllSignals = ~0ULL;

/** What a stopped thread was, and the way back to it. */
struct Saved {
  Registers registers{};
  std::uint64_t mask = 0;

  int Read(pid_t tid);
  [[nodiscard]] Cure MakeCure() const;
  [[nodiscard]] int Restore(pid_t tid) const;
};

/** Preconditions: the task was interrupted. A SIGSTOP that came first is passed on: it stops the task again when it is let go. */
int WaitUntilStopped(pid_t tid);

}  // namespace godwit

// Processes that run for a part of the time only: a thread of its own stops those of their threads that run, by ptrace, for one
// part of each period, and lets them go for the other. Threads that sleep are left alone: they write nothing, and a stop would
// make epoll_wait and its kin fail with EINTR, or begin their time limit anew (signal(7)). Whoever wakes meanwhile is stopped then.
// Nothing has to be undone should this process die: the kernel lets go of every task whose tracer has ended (kernel/ptrace.c,
// exit_ptrace).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "sys/fd.h"

namespace godwit {

class DutyCycle {
 public:
  using Clock = std::chrono::steady_clock;

  struct Tally {
    std::uint64_t periods = 0;
    /** Threads that were stopped, all periods together. */
    std::uint64_t stops = 0;
    /** In which they were to stand, and all of it, until Halt. */
    std::int64_t off_us = 0;
    std::int64_t whole_us = 0;
  };

  /**
   * Processes that are gone are left out, now and whenever they end: another one with such a PID is never touched. So are our own
   * children: whoever waits for them here (libuv does at each SIGCHLD) would take a stop for their end.
   */
  explicit DutyCycle(std::span<const std::int32_t> pids);
  ~DutyCycle();
  DutyCycle(const DutyCycle&) = delete;
  DutyCycle& operator=(const DutyCycle&) = delete;

  /** From now on, in each period, they run for `on_us` and stand for `off_us`; longer, 0.1 s at most, where they ran for longer. */
  void Run(std::int64_t on_us, std::int64_t off_us);
  /**
   * When this returns every thread runs and nobody traces any: 0.1 ms; longer, 0.2 s at most, if one has not come to its stop yet. May be
   * repeated.
   */
  void Halt();
  /** Preconditions: halted. */
  [[nodiscard]] Tally tally() const { return tally_; }

 private:
  struct Process {
    pid_t pid;
    Fd directory;  // /proc/PID: stays bound to this very process
  };
  struct Task {
    pid_t tid;
    pid_t pid;
    bool has_others;  // threads of the same process
    bool held;        // it stands; until then it has been told to stop
  };

  void Loop(Clock::duration on, Clock::duration off);
  void Off(Clock::duration length);
  void Look();
  void LookAt(const Process& process);
  void Settle(bool keep);
  bool Settled(Task& task, bool keep);
  void Release();
  [[nodiscard]] bool IsComing() const;
  /** False: it is time to end. */
  bool WaitUntil(Clock::time_point time, bool keep);
  [[nodiscard]] bool Ends();

  std::vector<Process> processes_;
  std::vector<Task> tasks_;
  std::vector<pid_t> spared_;  // in this period
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ends_ = false;
  Tally tally_;
};

}  // namespace godwit

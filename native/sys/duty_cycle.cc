#include "sys/duty_cycle.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "sys/restart.h"
#include "sys/task_state.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/** Between two looks for threads that have woken; at least four times as long as a look takes. */
constexpr microseconds kLookPause{1000};
constexpr int kLookShare = 4;
/** Usually they stand after 0.02 ms, where they find a processor. */
constexpr microseconds kSettle{2000};
constexpr milliseconds kPatience{200};
/** Nobody is to take it for hung. */
constexpr DutyCycle::Clock::duration kLongestOff = milliseconds(100);
constexpr DutyCycle::Clock::duration kLongestDebt = milliseconds(1000);
constexpr unsigned long kTraceSysGood = 1;

/**
 * Among other busy tasks a thread that wakes up may wait for many milliseconds, and those that it should stop run on meanwhile: with four of
 * them on two processors a process ran for 70 % of the time instead of 20 (Linux 6.18). This thread needs a fifth of a processor at most.
 * Without CAP_SYS_NICE it stays as it is.
 */
void BeFirst() {
  const sched_param lowest{.sched_priority = 1};
  sched_setscheduler(0, SCHED_RR, &lowest);
}

void Nap() {
  constexpr timespec moment{0, 50'000};
  nanosleep(&moment, nullptr);
}

/** It was about to sleep in a system call, which the stop has ended. */
bool WasGoingToSleep(pid_t tid) {
  Registers registers{};
  if (GetRegisters(tid, registers) < 0) return false;
  const auto result = static_cast<std::int64_t>(registers.rax);
  constexpr std::int64_t kRestartFirst = -516;  // ERESTART_RESTARTBLOCK to ERESTARTSYS, include/linux/errno.h
  constexpr std::int64_t kRestartLast = -512;
  return static_cast<std::int64_t>(registers.orig_rax) >= 0 &&
         (result == -EINTR || (result >= kRestartFirst && result <= kRestartLast));
}

}  // namespace

DutyCycle::DutyCycle(std::span<const std::int32_t> pids) {
  for (const pid_t pid : pids) {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/%d", pid);
    Fd directory(open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.valid() && !IsChildOfOurs(directory.get()))
      processes_.push_back({pid, std::move(directory)});
  }
}

DutyCycle::~DutyCycle() { Halt(); }

void DutyCycle::Run(std::int64_t on_us, std::int64_t off_us) {
  Halt();
  ends_ = false;
  // What it seizes is its own: when it ends the kernel lets go of all that is left.
  thread_ = std::thread([this, on = microseconds(on_us), off = microseconds(off_us)] { Loop(on, off); });
}

void DutyCycle::Halt() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DutyCycle::Loop(Clock::duration on, Clock::duration off) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  BeFirst();
  const auto began = Clock::now();
  Clock::duration owed{};
  for (auto before = began; WaitUntil(before + on, false);) {
    const auto stands = Clock::now();
    // This thread may have found a processor late: they have run for longer then, and stand for longer, as far as that may be.
    owed += off * ((stands - before) / microseconds(1)) / (on / microseconds(1));
    Off(std::min(owed, std::max(off, kLongestOff)));
    Release();
    before = Clock::now();
    owed = std::clamp<Clock::duration>(owed - (before - stands), {}, kLongestDebt);
    tally_.periods++;
    tally_.off_us += std::chrono::duration_cast<microseconds>(before - stands).count();
  }
  for (const auto limit = Clock::now() + kPatience; IsComing() && Clock::now() < limit;) {
    Nap();
    Settle(false);
  }
  tasks_.clear();
  tally_.whole_us += std::chrono::duration_cast<microseconds>(Clock::now() - began).count();
}

void DutyCycle::Off(Clock::duration length) {
  const auto end = Clock::now() + length;
  spared_.clear();
  for (auto now = Clock::now(); now < end && !Ends();) {
    Look();
    for (const auto limit = Clock::now() + kSettle; IsComing() && Clock::now() < limit && !Ends();
         Settle(true))
      Nap();  // the one processor there is may be needed by those that are to stop
    const auto pause = std::max<Clock::duration>(kLookPause, kLookShare * (Clock::now() - now));
    WaitUntil(std::min(end, Clock::now() + pause), true);
    now = Clock::now();
    Settle(true);
  }
}

void DutyCycle::Look() {
  for (const Process& process : processes_) {
    LookAt(process);
    if (Ends()) return;
  }
}

void DutyCycle::LookAt(const Process& process) {
  const std::vector<pid_t> tids = ThreadsOf(process.directory.get());
  const bool has_others = tids.size() > 1;
  for (const pid_t tid : tids) {
    const auto is_known = [tid](const Task& task) { return task.tid == tid; };
    if (std::any_of(tasks_.begin(), tasks_.end(), is_known)) continue;
    if (std::find(spared_.begin(), spared_.end(), tid) != spared_.end()) continue;
    if (!Runs(process.directory.get(), tid)) continue;
    if (has_others && ChildrenWouldShow(process.pid, tid)) {
      spared_.push_back(tid);
      continue;
    }
    if (Seize(tid, kTraceSysGood) < 0) continue;  // it has ended, or a debugger has it
    Interrupt(tid);
    tasks_.push_back({tid, process.pid, has_others, false});
  }
}

/** What has become of those that were told to stop; `keep`: who stands is to stand. */
void DutyCycle::Settle(bool keep) {
  std::erase_if(tasks_, [&](Task& task) { return Settled(task, keep); });
}

/** True: we have it no more. */
bool DutyCycle::Settled(Task& task, bool keep) {
  const Stop stop = WaitForStop(task.tid, 0);
  switch (stop.kind) {
    case Stop::Kind::kTimeout:
      return false;
    case Stop::Kind::kGone:
      // Executing a program gives a thread the leader's ID (execve(2)), and it is still ours.
      if (task.tid == task.pid) return true;
      task = {task.pid, task.pid, false, false};
      return Settled(task, keep);
    case Stop::Kind::kExited:
    case Stop::Kind::kKilled:
      return true;
    case Stop::Kind::kStopped:
      break;
  }
  if (task.held) return false;
  if (stop.event == 0) {
    Continue(task.tid, SignalOf(stop));
    return false;
  }
  const bool goes = !keep || WasGoingToSleep(task.tid) ||
                    (task.has_others && ChildrenWouldShow(task.pid, task.tid));  // born since the look
  if (goes) {
    LetGo(std::span(&task.tid, 1));
    return true;
  }
  tally_.stops++;
  task.held = true;
  return false;
}

void DutyCycle::Release() {
  // One that does not stand any more has been killed: its end is still to be heard of.
  std::erase_if(tasks_, [](Task& task) {
    if (!task.held) return false;
    task.held = false;
    return Detach(task.tid, 0) == 0;
  });
}

bool DutyCycle::IsComing() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const Task& task) { return !task.held; });
}

/** Those that were told to stop are waited for meanwhile; `keep` as in Settle. */
bool DutyCycle::WaitUntil(Clock::time_point time, bool keep) {
  while (IsComing() && Clock::now() < time) {
    {
      std::unique_lock lock(mutex_);
      const auto next = std::min<Clock::time_point>(time, Clock::now() + kLookPause);
      if (changed_.wait_until(lock, next, [this] { return ends_; })) return false;
    }
    Settle(keep);
  }
  std::unique_lock lock(mutex_);
  return !changed_.wait_until(lock, time, [this] { return ends_; });
}

bool DutyCycle::Ends() {
  const std::lock_guard lock(mutex_);
  return ends_;
}

}  // namespace godwit

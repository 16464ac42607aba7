#include "keeper/shell.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include <cerrno>
#include <cstdio>

#include "keeper/text.h"
#include "sys/fd.h"

namespace godwit {
namespace {

constexpr int kPatienceMs = 5000;
constexpr int kSignals = 64;

// Linux's own layout of a signal action (glibc's is another).
struct KernelAction {
  void* handler;
  std::uint64_t flags;
  void* restorer;
  std::uint64_t mask;
};

// glibc registers an area at start; it would be written to after its memory is gone.
void UnregisterRseq() {
#ifdef RSEQ_SIG
  auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  // Before glibc 2.39 the registered length is 32, and __rseq_size may tell less.
  if (syscall(SYS_rseq, area, 32U, 1, RSEQ_SIG) != 0) syscall(SYS_rseq, area, __rseq_size, 1, RSEQ_SIG);
#endif
}

[[noreturn]] void ShellMain(const ShellRequest& request, int report_fd) {
  const KernelAction action{};
  for (int signal = 1; signal <= kSignals; ++signal)
    syscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask);
  // All but SIGTRAP: the interpreter ends with int3, and a blocked SIGTRAP would lose its action.
  const std::uint64_t mask = ~(1ULL << (SIGTRAP - 1));
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, nullptr, sizeof mask);
  prctl(PR_SET_NAME, "godwit-shell");
  UnregisterRseq();
  const int number = request.pidfd_number;
  // Two descriptors stay: the agent's pidfd, and the report behind it, whose closing says that all is done.
  int report = fcntl(report_fd, F_DUPFD_CLOEXEC, number + 1);
  const bool ok = report > number && dup3(request.agent_pidfd, number, O_CLOEXEC) == number;
  if (!ok) {
    const ShellReport failure{.error = -errno, .stage = ShellStage::kReady, .pid = 0};
    [[maybe_unused]] const ssize_t written = write(report_fd, &failure, sizeof failure);
    _exit(1);
  }
  if (number > 0) close_range(0, static_cast<unsigned>(number - 1), 0);
  close_range(static_cast<unsigned>(report + 1), ~0U, 0);
  if (report > number + 1)
    close_range(static_cast<unsigned>(number + 1), static_cast<unsigned>(report - 1), 0);
  close(report);
  for (;;) syscall(SYS_pause);
}

// Linux 5.6: offsets can be set only before the first task is inside, so it is the child that goes there.
int EnterTimeNamespace(const ShellRequest& request) {
  if (syscall(SYS_unshare, CLONE_NEWTIME) != 0) return -errno;
  char text[128];
  const int length =
      std::snprintf(text, sizeof text, "monotonic %lld %lld\nboottime %lld %lld\n",
                    static_cast<long long>(request.monotonic_s), static_cast<long long>(request.monotonic_ns),
                    static_cast<long long>(request.boottime_s), static_cast<long long>(request.boottime_ns));
  return WriteFile("/proc/self/timens_offsets", std::string_view(text, static_cast<std::size_t>(length)));
}

pid_t CloneShell(const ShellRequest& request, std::uint64_t flags, int report_fd) {
  const pid_t pid = CloneProcess(flags, request.vpid, request.cgroup_fd);
  if (pid == 0) ShellMain(request, report_fd);
  return pid;
}

bool NeedsSession(const ShellRequest& request) { return request.sid != 0 && request.sid != request.vpid; }

// Stands between, so that neither a session nor a time namespace is left on the caller. With the PID of the dead
// leader it makes the session; the root is a child of the caller all the same (CLONE_PARENT).
[[noreturn]] void HelperMain(const ShellRequest& request, int report_fd) {
  ShellReport report;
  if (NeedsSession(request) && setsid() < 0) {
    report.error = -errno;
    report.stage = ShellStage::kSession;
  } else if (request.has_time != 0) {
    report.error = EnterTimeNamespace(request);
    report.stage = ShellStage::kTime;
  }
  if (report.error == 0) {
    const pid_t pid = CloneShell(request, CLONE_PARENT, report_fd);
    report = {.error = pid < 0 ? pid : 0, .stage = ShellStage::kRoot, .pid = pid < 0 ? 0 : pid};
  }
  [[maybe_unused]] const ssize_t written = write(report_fd, &report, sizeof report);
  _exit(0);
}

// Takes over what is reported, until the last writer has closed its end.
int ReadReports(int fd, ShellReport& report) {
  const std::int64_t deadline = MonotonicUs() + kPatienceMs * 1000LL;
  for (;;) {
    pollfd entry{fd, POLLIN, 0};
    if (MonotonicUs() > deadline) return -ETIMEDOUT;
    if (poll(&entry, 1, 100) <= 0) continue;
    ShellReport next;
    const ssize_t got = read(fd, &next, sizeof next);
    if (got == 0) return 0;
    if (got < 0 && errno == EINTR) continue;
    if (got != static_cast<ssize_t>(sizeof next)) return -EIO;
    if (report.error != 0) continue;
    if (next.error != 0) next.pid = report.pid;
    report = next;
  }
}

ShellReport TryShell(const ShellRequest& request, pid_t& helper) {
  int ends[2];
  ShellReport report;
  if (pipe2(ends, O_CLOEXEC) != 0) return {.error = -errno, .stage = ShellStage::kReady, .pid = 0};
  const Fd from(ends[0]);
  Fd to(ends[1]);
  helper = 0;
  if (NeedsSession(request) || request.has_time != 0) {
    helper = CloneProcess(0, NeedsSession(request) ? request.sid : 0, -1);
    if (helper == 0) HelperMain(request, to.get());
    if (helper < 0) return {.error = helper, .stage = ShellStage::kSession, .pid = 0};
  } else {
    report.pid = CloneShell(request, 0, to.get());
    if (report.pid < 0) return {.error = report.pid, .stage = ShellStage::kRoot, .pid = 0};
  }
  to.reset();
  const int error = ReadReports(from.get(), report);
  if (error != 0) report = {.error = error, .stage = ShellStage::kReady, .pid = report.pid};
  if (report.error == 0 && report.pid == 0) report.error = -ECHILD;  // the helper died and said nothing
  if (helper > 0) {
    if (report.error != 0) kill(helper, SIGKILL);
    waitpid(helper, nullptr, 0);
  }
  if (report.error != 0 && report.pid > 0) {
    kill(report.pid, SIGKILL);
    waitpid(report.pid, nullptr, 0);
    report.pid = 0;
  }
  return report;
}

}  // namespace

pid_t CloneProcess(std::uint64_t flags, pid_t wanted, int cgroup_fd) {
  clone_args args{};
  args.flags = flags | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0);
  args.exit_signal = (flags & CLONE_PARENT) != 0 ? 0 : SIGCHLD;  // with CLONE_PARENT the caller's is taken
  args.cgroup = cgroup_fd >= 0 ? static_cast<std::uint64_t>(cgroup_fd) : 0;
  args.set_tid = wanted > 0 ? reinterpret_cast<std::uint64_t>(&wanted) : 0;
  args.set_tid_size = wanted > 0 ? 1 : 0;
  const long pid = syscall(SYS_clone3, &args, sizeof args);
  return pid < 0 ? -errno : static_cast<pid_t>(pid);
}

ShellReport MakeShell(const ShellRequest& request) {
  pid_t helper = 0;
  ShellReport report = TryShell(request, helper);
  // A helper without a wish may have been given the very PID that the root is to have: the next one has another.
  if (report.error == -EEXIST && report.stage == ShellStage::kRoot && helper == request.vpid)
    report = TryShell(request, helper);
  return report;
}

}  // namespace godwit

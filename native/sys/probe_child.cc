#include "sys/probe_child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>

#include "sys/fd.h"

namespace godwit {
namespace {

constexpr int kPatienceMs = 5000;

pid_t RawFork(std::uint64_t flags, pid_t set_tid) {
  if (flags == 0 && set_tid == 0) return static_cast<pid_t>(syscall(SYS_clone, 0, 0, 0, 0, 0));
  clone_args args = {};
  args.flags = flags;
  if (set_tid != 0) {
    args.set_tid = reinterpret_cast<std::uint64_t>(&set_tid);
    args.set_tid_size = 1;
  }
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
}

}  // namespace

pid_t ForkProbe(std::uint64_t flags, pid_t set_tid) {
  const auto parent = static_cast<pid_t>(syscall(SYS_getpid));
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = RawFork(flags, set_tid);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have died before the line above. From a new PID namespace it is not visible: 0.
    const long now = syscall(SYS_getppid);
    if (now != parent && now != 0) _exit(ESRCH);
    return 0;
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid < 0 ? -error : pid;
}

int ReapProbe(pid_t pid) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd.valid()) {
    pollfd ended = {.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    int ready = 0;
    do {
      ready = poll(&ended, 1, kPatienceMs);
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) kill(pid, SIGKILL);
  }
  int status = 0;
  while (waitpid(pid, &status, __WALL) < 0) {
    if (errno != EINTR) return -errno;
  }
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

ParkedChild::ParkedChild() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    pid_ = -errno;
    return;
  }
  const Fd from(ends[0]);
  Fd to(ends[1]);
  pid_ = ForkProbe();
  if (pid_ == 0) {
    const char parked = 0;
    syscall(SYS_write, to.get(), &parked, 1);
    for (;;) syscall(SYS_pause);
  }
  to.reset();
  // Frozen before it has asked for its death with the agent's it would outlive a killed one.
  char parked = 0;
  ssize_t got = 0;
  do {
    got = pid_ > 0 ? read(from.get(), &parked, 1) : 0;
  } while (got < 0 && errno == EINTR);
  if (pid_ > 0 && got != 1) {
    kill(pid_, SIGKILL);
    ReapProbe(pid_);
    pid_ = -ESRCH;
  }
}

ParkedChild::~ParkedChild() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  ReapProbe(pid_);
}

}  // namespace godwit

// Probes of what makes and changes processes.
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sys/fd.h"
#include "sys/probe_child.h"
#include "sys/probe_parts.h"

namespace godwit::probes {
namespace {

constexpr uid_t kNobody = 65534;

int Failed(long result) { return result < 0 ? errno : 0; }

bool WriteFile(const char* path, std::string_view text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(fd);
  errno = error;
  return written;
}

pid_t ReadPidMax() {
  const Fd fd(open("/proc/sys/kernel/pid_max", O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!fd.valid() || read(fd.get(), text, sizeof(text) - 1) <= 0) return 32768;
  return static_cast<pid_t>(strtol(text, nullptr, 10));
}

/// Past the vdso, whose clocks a child may have no right to trust.
std::int64_t MonotonicSeconds() {
  timespec now = {};
  syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

int TimeNamespaceInChild() {
  constexpr std::int64_t kAhead = 1000;
  if (unshare(CLONE_NEWTIME) < 0) return errno;
  if (!WriteFile("/proc/self/timens_offsets", "monotonic 1000 0\n")) return errno;
  const std::int64_t before = MonotonicSeconds();
  return -InChild([&] { return MonotonicSeconds() >= before + kAhead ? 0 : ENODATA; });
}

int CredentialsInChild() {
  const gid_t group = kNobody;
  // Raw calls: glibc's would signal the other threads, which this child does not have.
  if (syscall(SYS_setgroups, 1, &group) < 0) return errno;
  if (syscall(SYS_setresgid, kNobody, kNobody, kNobody) < 0) return errno;
  return Failed(syscall(SYS_setresuid, kNobody, kNobody, kNobody));
}

int SetMmMapInChild() {
  // Addresses are looked at for order only; the child ends before any of them matters.
  constexpr std::uint64_t kBase = 0x10000000;
  constexpr std::uint64_t kStep = 0x1000;
  prctl_mm_map map = {};
  map.start_code = kBase;
  map.end_code = kBase + kStep;
  map.start_data = kBase + 2 * kStep;
  map.end_data = kBase + 3 * kStep;
  map.start_brk = kBase + 4 * kStep;
  map.brk = map.start_brk;
  map.start_stack = kBase + 5 * kStep;
  map.arg_start = map.arg_end = map.env_start = map.env_end = map.start_stack;
  map.exe_fd = ~std::uint32_t{0};
  return Failed(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0));
}

int TimerRestoreIdsInChild() {
  constexpr int kTimerCreateRestoreIds = 77;
  constexpr int kWanted = 4711;
  if (prctl(kTimerCreateRestoreIds, 1, 0, 0, 0) < 0) return errno;
  sigevent event = {};
  event.sigev_notify = SIGEV_NONE;
  int id = kWanted;
  if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) < 0) return errno;
  return id == kWanted ? 0 : ENODATA;
}

int RaiseLimitsInChild() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_CORE, &limit) < 0) return errno;
  limit = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &limit) < 0) return errno;
  limit.rlim_max = 4096;
  return Failed(setrlimit(RLIMIT_CORE, &limit));
}

int LowerOomScoreInChild() { return WriteFile("/proc/self/oom_score_adj", "-1000") ? 0 : errno; }

}  // namespace

int PidfdGetfd() {
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child.pid(), 0)));
  if (!pidfd.valid()) return -errno;
  // Whatever descriptor the child inherited: its copy of our pidfd will not do, that came later.
  for (int fd = 0; fd < 1024; fd++) {
    const Fd copy(static_cast<int>(syscall(SYS_pidfd_getfd, pidfd.get(), fd, 0)));
    if (copy.valid()) return 0;
    if (errno != EBADF) return -errno;
  }
  return -EBADF;
}

int Clone3SetTid() {
  // From the top: the kernel hands PIDs out from below, so these are likely free.
  constexpr int kTries = 64;
  const pid_t top = ReadPidMax() - 1;
  int result = -EEXIST;
  for (int i = 0; i < kTries && result == -EEXIST; i++) {
    const pid_t wanted = top - i;
    const pid_t pid = ForkProbe(0, wanted);
    if (pid == 0) _exit(syscall(SYS_getpid) == wanted ? 0 : ENODATA);
    result = pid < 0 ? pid : ReapProbe(pid);
  }
  return result;
}

int NewPidNamespace() {
  return InChild([] { return syscall(SYS_getpid) == 1 ? 0 : ENODATA; }, CLONE_NEWPID);
}

int NewUserNamespace() {
  return InChild(
      [] {
        constexpr pid_t kWanted = 4711;
        if (mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
        // EPERM where parts of /proc are hidden, as containers have it (mount_too_revealing in fs/namespace.c).
        if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return errno;
        const pid_t pid = ForkProbe(0, kWanted);
        if (pid == 0) _exit(syscall(SYS_getpid) == kWanted ? 0 : ENODATA);
        return pid < 0 ? -pid : -ReapProbe(pid);
      },
      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS);
}

int NewTimeNamespace() { return InChild(TimeNamespaceInChild); }
int NewUserCredentials() { return InChild(CredentialsInChild); }
int SetMmMap() { return InChild(SetMmMapInChild); }
int TimerRestoreIds() { return InChild(TimerRestoreIdsInChild); }
int RaiseLimits() { return InChild(RaiseLimitsInChild); }
int LowerOomScore() { return InChild(LowerOomScoreInChild); }

int Kcmp() {
  const Fd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return -errno;
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  const Fd other(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto compare = [&](int ours) {
    return syscall(SYS_kcmp, syscall(SYS_getpid), child.pid(), KCMP_FILE, ours, file.get());
  };
  const long same = compare(file.get());
  if (same < 0) return -errno;
  return same == 0 && compare(other.get()) > 0 ? 0 : -ENODATA;
}

int TcpRepair() {
  const Fd socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  const int on = 1;
  if (!socket_fd.valid()) return -errno;
  return setsockopt(socket_fd.get(), IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0 ? -errno : 0;
}

int TcpPeekOff() {
  const Fd socket_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  const int off = -1;
  if (!socket_fd.valid()) return -errno;
  return setsockopt(socket_fd.get(), SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) < 0 ? -errno : 0;
}

}  // namespace godwit::probes

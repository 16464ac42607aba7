#include "keeper/init_main.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "keeper/init.h"
#include "sys/owner_word.h"

namespace godwit {
namespace {

// The three descriptors that stay, at fixed numbers so that all others can be closed at once.
constexpr int kChannel = 3;
constexpr int kFence = 4;
constexpr int kAgent = 5;

ShellReport SetUp(int channel, int cgroup_fd, int agent_pidfd) {
  // Copies far above first: one of the three may stand on the place of another.
  const int copies[] = {fcntl(channel, F_DUPFD_CLOEXEC, 100), fcntl(cgroup_fd, F_DUPFD_CLOEXEC, 100),
                        fcntl(agent_pidfd, F_DUPFD_CLOEXEC, 100)};
  const bool moved = dup3(copies[0], kChannel, O_CLOEXEC) >= 0 && dup3(copies[1], kFence, O_CLOEXEC) >= 0 &&
                     dup3(copies[2], kAgent, O_CLOEXEC) >= 0;
  if (!moved) return {.error = -errno, .stage = ShellStage::kInit, .pid = 0};
  close_range(kAgent + 1, ~0U, 0);
  // Slave: what the host mounts later shows up here, what happens here stays here.
  if (mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 ||
      mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return {.error = -errno, .stage = ShellStage::kMount, .pid = 0};
  return {};
}

void Send(const InitMessage& message, int fd) {
  union {
    cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control{};
  iovec part{const_cast<InitMessage*>(&message), sizeof message};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  }
  sendmsg(kChannel, &header, MSG_NOSIGNAL | MSG_DONTWAIT);  // nor may a keeper that is stuck hold up reaping
}

void SendReport(const ShellReport& report) {
  const InitMessage message{.kind = InitMessage::Kind::kReport, .request = {}, .report = report};
  const Fd pidfd(
      report.error == 0 && report.pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, report.pid, 0)) : -1);
  Send(message, pidfd.get());
}

// False when no child is left.
bool Reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0) return errno != ECHILD;
    if (pid == 0) return true;
    const InitMessage message{
        .kind = InitMessage::Kind::kExit, .request = {}, .report = {}, .vpid = pid, .status = status};
    Send(message, -1);
  }
}

}  // namespace

std::uint64_t InitCloneFlags() { return CLONE_NEWPID | CLONE_NEWNS; }

void InitMain(const std::uint64_t* word, int channel, int cgroup_fd, int agent_pidfd) {
  prctl(PR_SET_NAME, "godwit-init");
  const ShellReport ready = SetUp(channel, cgroup_fd, agent_pidfd);
  SendReport(ready);
  if (ready.error != 0) _exit(1);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);  // blocked since the keeper's start
  const int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  bool had_tree = false;
  bool keeper_lives = true;
  for (;;) {
    pollfd entries[] = {{signals, POLLIN, 0}, {keeper_lives ? kChannel : -1, POLLIN, 0}};
    poll(entries, 2, -1);
    if (entries[0].revents != 0) {
      signalfd_siginfo info;
      while (read(signals, &info, sizeof info) > 0) {
      }
    }
    InitMessage order;
    if (entries[1].revents != 0) {
      const ssize_t got = recv(kChannel, &order, sizeof order, MSG_DONTWAIT);
      if (got == static_cast<ssize_t>(sizeof order) && order.kind == InitMessage::Kind::kSpawn) {
        order.request.cgroup_fd = kFence;
        order.request.agent_pidfd = kAgent;
        const ShellReport report = MakeShell(order.request);
        had_tree = had_tree || report.error == 0;
        SendReport(report);
        if (!had_tree) _exit(1);
      } else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        keeper_lives = false;
        // While STAGING nobody else would ever clean up. A PREPARED or RUNNING tree needs no keeper to live.
        if (LoadWord(word) == kStaging || LoadWord(word) == kTargetAborted) _exit(1);
      }
    }
    if (!Reap() && had_tree) _exit(0);
  }
}

}  // namespace godwit

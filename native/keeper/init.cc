#include "keeper/init.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include "keeper/init_main.h"
#include "keeper/text.h"

namespace godwit {
namespace {

constexpr int kPatienceMs = 8000;

// Linux 5.2: fdinfo of a pidfd says "Pid:\t" and the PID in the namespace of /proc.
pid_t PidBehind(int pidfd) {
  const std::string info = ReadFile(("/proc/self/fdinfo/" + std::to_string(pidfd)).c_str());
  const std::size_t at = info.find("Pid:\t");
  if (at == std::string::npos) return -ESRCH;
  const std::size_t end = info.find('\n', at);
  pid_t pid = 0;
  return ParseNumber(std::string_view(info).substr(at + 5, end - at - 5), pid) ? pid : -ESRCH;
}

bool WaitReadable(int fd, int timeout_ms) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, timeout_ms) > 0;
}

}  // namespace

ShellReport Init::Start(const std::uint64_t* word, int cgroup_fd, int agent_pidfd) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return {.error = -errno, .stage = ShellStage::kInit, .pid = 0};
  channel_ = Fd(ends[0]);
  Fd other(ends[1]);
  const pid_t pid = CloneProcess(InitCloneFlags(), 0, cgroup_fd);
  if (pid == 0) {
    channel_.reset();
    InitMain(word, other.get(), cgroup_fd, agent_pidfd);
  }
  if (pid < 0) {
    channel_.reset();
    return {.error = pid, .stage = ShellStage::kInit, .pid = 0};
  }
  other.reset();
  pid_ = pid;
  InitMessage ready;
  Fd fd;
  if (!WaitReadable(channel(), kPatienceMs) || !Receive(ready, fd) ||
      ready.kind != InitMessage::Kind::kReport)
    return {.error = -ECHILD, .stage = ShellStage::kInit, .pid = 0};
  return ready.report;
}

ShellReport Init::Spawn(const ShellRequest& request, void (*exits)(void*, const InitMessage&),
                        void* context) {
  const InitMessage order{.kind = InitMessage::Kind::kSpawn, .request = request, .report = {}};
  if (send(channel(), &order, sizeof order, MSG_NOSIGNAL) < 0)
    return {.error = -errno, .stage = ShellStage::kInit, .pid = 0};
  const std::int64_t deadline = MonotonicUs() + kPatienceMs * 1000LL;
  while (MonotonicUs() < deadline) {
    if (!WaitReadable(channel(), 100)) continue;
    InitMessage message;
    Fd pidfd;
    if (!Receive(message, pidfd)) return {.error = -ECHILD, .stage = ShellStage::kInit, .pid = 0};
    if (message.kind == InitMessage::Kind::kExit) {
      exits(context, message);
      continue;
    }
    ShellReport report = message.report;
    if (report.error != 0) return report;
    report.pid = pidfd.valid() ? PidBehind(pidfd.get()) : -ESRCH;
    if (report.pid <= 0) return {.error = -ESRCH, .stage = ShellStage::kReady, .pid = 0};
    return report;
  }
  return {.error = -ETIMEDOUT, .stage = ShellStage::kInit, .pid = 0};
}

bool Init::Receive(InitMessage& message, Fd& fd) {
  union {
    cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control{};
  iovec part{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;
  const ssize_t got = recvmsg(channel(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got != static_cast<ssize_t>(sizeof message)) return false;
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(rights), sizeof number);
    fd = Fd(number);
  }
  return true;
}

}  // namespace godwit

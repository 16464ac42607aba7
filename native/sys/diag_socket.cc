#include "sys/diag_socket.h"

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <sys/stat.h>

#include <cstdio>
#include <system_error>
#include <thread>

namespace godwit {
namespace {

int OpenHere(Fd& out) {
  out = Fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!out.valid()) return -errno;
  // A dump is answered at once; the limit only keeps a kernel bug from hanging the agent.
  const timeval limit = {.tv_sec = 5, .tv_usec = 0};
  setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return 0;
}

bool IsOwnNamespace(int namespace_fd) {
  struct stat theirs = {};
  struct stat ours = {};
  return fstat(namespace_fd, &theirs) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0 &&
         theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

}  // namespace

int OpenDiagSocket(pid_t netns_pid, Fd& out) {
  if (netns_pid == 0) return OpenHere(out);
  char path[32];
  snprintf(path, sizeof(path), "/proc/%d/ns/net", netns_pid);
  const Fd space(open(path, O_RDONLY | O_CLOEXEC));
  if (!space.valid()) return -errno;
  if (IsOwnNamespace(space.get())) return OpenHere(out);
  // setns(2) changes the calling thread only, and a socket stays in the namespace it was made in.
  int result = 0;
  try {
    std::thread visitor([&] { result = setns(space.get(), CLONE_NEWNET) < 0 ? -errno : OpenHere(out); });
    visitor.join();
  } catch (const std::system_error& error) {
    return -error.code().value();
  }
  return result;
}

int SendDump(int fd, const void* request, std::size_t length) {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(length));
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  iovec parts[2] = {{&header, sizeof(header)}, {const_cast<void*>(request), length}};
  msghdr message = {};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof(kernel);
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return sendmsg(fd, &message, 0) < 0 ? -errno : 0;
}

}  // namespace godwit

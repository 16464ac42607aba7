#include "sys/seqpacket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace godwit {
namespace {

union OneDescriptor {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

union Descriptors {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * kSeqpacketDescriptors)];
};

long long NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<long long>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

int SendDatagram(int socket, const std::string& text, std::span<const int> fds) {
  if (fds.size() > kSeqpacketDescriptors) return E2BIG;
  iovec part{const_cast<char*>(text.data()), text.size()};
  Descriptors control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

int WaitReadable(int socket, long long deadline) {
  for (;;) {
    pollfd entry{socket, POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::max(0LL, deadline - NowMs())));
    if (ready > 0) return 0;
    if (ready == 0) return ETIMEDOUT;
    if (errno != EINTR) return errno;
  }
}

}  // namespace

int SeqpacketConnect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

SeqpacketReply SeqpacketRequest(int socket, const std::string& text, std::span<const int> fds,
                                int timeout_ms) {
  SeqpacketReply reply;
  reply.error = SendDatagram(socket, text, fds);
  if (reply.error != 0) return reply;
  reply.error = WaitReadable(socket, NowMs() + timeout_ms);
  if (reply.error != 0) return reply;
  std::string buffer(kSeqpacketMax, '\0');
  iovec part{buffer.data(), buffer.size()};
  OneDescriptor control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) {
    reply.error = got < 0 ? errno : ECONNRESET;
    return reply;
  }
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
      std::memcpy(&reply.fd, CMSG_DATA(header), sizeof reply.fd);
    }
  }
  buffer.resize(static_cast<std::size_t>(got));
  reply.text = std::move(buffer);
  return reply;
}

}  // namespace godwit

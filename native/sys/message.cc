#include "sys/message.h"

#include <sys/socket.h>

#include <cerrno>

namespace godwit {

ssize_t ReceiveMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> name,
                       std::span<std::byte> control, MessageFacts& facts) {
  iovec part{data.data(), data.size()};
  msghdr message{};
  ssize_t got;
  do {
    message.msg_name = name.empty() ? nullptr : name.data();
    message.msg_namelen = static_cast<socklen_t>(name.size());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.empty() ? nullptr : control.data();
    message.msg_controllen = control.size();
    got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  facts = {message.msg_namelen, message.msg_controllen, message.msg_flags};
  return got;
}

ssize_t SendMessage(int socket, int flags, std::span<std::byte> data, std::span<std::byte> control) {
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.empty() ? nullptr : control.data();
  message.msg_controllen = control.size();
  ssize_t sent;
  do sent = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : sent;
}

}  // namespace godwit

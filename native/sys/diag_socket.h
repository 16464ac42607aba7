// A netlink socket for sock_diag in some process's network namespace, and the loop over a dump's messages.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sys/fd.h"

namespace godwit {

/// A NETLINK_SOCK_DIAG socket in the network namespace of `netns_pid` (0: the caller's). -errno on failure.
int OpenDiagSocket(pid_t netns_pid, Fd& out);

/// Sends SOCK_DIAG_BY_FAMILY as a dump.
int SendDump(int fd, const void* request, std::size_t length);

/// Receives a dump and hands each record to `take(message, attributes, attributes_length)`. 0, -errno, or -EINTR when
/// the kernel says that the table changed under it (NLM_F_DUMP_INTR): some record may be missing or twice.
template <typename Message, typename Take>
int ReceiveDump(int fd, Take take) {
  std::vector<std::uint64_t> buffer(32768 / sizeof(std::uint64_t));
  bool changed = false;
  for (;;) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size() * sizeof(std::uint64_t), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    auto left = static_cast<unsigned>(got);
    for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) changed = true;
      if (header->nlmsg_type == NLMSG_DONE) {
        int error = 0;
        if (header->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) error = *static_cast<int*>(NLMSG_DATA(header));
        if (error < 0) return error;
        return changed ? -EINTR : 0;
      }
      if (header->nlmsg_type == NLMSG_ERROR) return static_cast<nlmsgerr*>(NLMSG_DATA(header))->error;
      if (header->nlmsg_len < NLMSG_LENGTH(sizeof(Message))) continue;
      auto* message = static_cast<Message*>(NLMSG_DATA(header));
      take(*message,
           reinterpret_cast<rtattr*>(reinterpret_cast<char*>(message) + NLMSG_ALIGN(sizeof(Message))),
           static_cast<unsigned>(header->nlmsg_len - NLMSG_SPACE(sizeof(Message))));
    }
  }
}

}  // namespace godwit

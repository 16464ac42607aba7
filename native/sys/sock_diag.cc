#include "sys/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/unix_diag.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "sys/diag_socket.h"

namespace godwit {
namespace {

// A table that changes while it is dumped is dumped again; a host that never stands still gets the last try.
constexpr int kTries = 5;

std::span<const std::uint8_t> Payload(const rtattr* attribute) {
  return {static_cast<const std::uint8_t*>(RTA_DATA(attribute)),
          static_cast<std::size_t>(RTA_PAYLOAD(attribute))};
}

template <typename T>
T Value(const rtattr* attribute) {
  T value = {};
  const auto bytes = Payload(attribute);
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof(T)));
  return value;
}

void TakeUnix(UnixSocket& socket, const rtattr* attribute) {
  const auto bytes = Payload(attribute);
  switch (attribute->rta_type) {
    case UNIX_DIAG_NAME:
      socket.named = !bytes.empty();
      socket.name.assign(bytes.begin(), bytes.end());
      break;
    case UNIX_DIAG_PEER:
      socket.peer = Value<std::uint32_t>(attribute);
      break;
    case UNIX_DIAG_ICONS:
      socket.pending.resize(bytes.size() / sizeof(std::uint32_t));
      if (!socket.pending.empty())
        std::memcpy(socket.pending.data(), bytes.data(), socket.pending.size() * sizeof(std::uint32_t));
      break;
    case UNIX_DIAG_RQLEN: {
      const auto lengths = Value<unix_diag_rqlen>(attribute);
      socket.rqueue = lengths.udiag_rqueue;
      socket.wqueue = lengths.udiag_wqueue;
      break;
    }
    case UNIX_DIAG_SHUTDOWN:
      socket.shutdown = Value<std::uint8_t>(attribute);
      break;
    default:
      break;
  }
}

int DumpUnix(int fd, std::vector<UnixSocket>& out) {
  unix_diag_req request = {};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0U;
  request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN;
  const int sent = SendDump(fd, &request, sizeof(request));
  if (sent < 0) return sent;
  return ReceiveDump<unix_diag_msg>(fd, [&](const unix_diag_msg& message, rtattr* attribute, unsigned left) {
    UnixSocket socket;
    socket.inode = message.udiag_ino;
    socket.type = message.udiag_type;
    socket.state = message.udiag_state;
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) TakeUnix(socket, attribute);
    out.push_back(std::move(socket));
  });
}

int DumpInet(int fd, std::uint8_t family, std::uint8_t protocol, std::vector<InetSocket>& out) {
  inet_diag_req_v2 request = {};
  request.sdiag_family = family;
  request.sdiag_protocol = protocol;
  request.idiag_states = ~0U;  // Linux 6.8: bit 13 adds sockets that are bound and nothing else
  const int sent = SendDump(fd, &request, sizeof(request));
  if (sent < 0) return sent;
  return ReceiveDump<inet_diag_msg>(fd, [&](const inet_diag_msg& message, rtattr* attribute, unsigned left) {
    InetSocket socket;
    socket.family = message.idiag_family;
    socket.protocol = protocol;
    socket.state = message.idiag_state;
    socket.inode = message.idiag_inode;
    std::memcpy(socket.local.data(), message.id.idiag_src, sizeof(message.id.idiag_src));
    std::memcpy(socket.remote.data(), message.id.idiag_dst, sizeof(message.id.idiag_dst));
    socket.local_port = ntohs(message.id.idiag_sport);
    socket.remote_port = ntohs(message.id.idiag_dport);
    socket.rqueue = message.idiag_rqueue;
    socket.wqueue = message.idiag_wqueue;
    socket.uid = message.idiag_uid;
    socket.interface = message.id.idiag_if;
    for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
      if (attribute->rta_type == INET_DIAG_SKV6ONLY) socket.v6only = Value<std::uint8_t>(attribute);
    }
    out.push_back(socket);
  });
}

template <typename Socket, typename Dump>
int Repeat(std::vector<Socket>& out, Dump dump) {
  int result = -EINTR;
  const std::size_t before = out.size();
  for (int attempt = 0; attempt < kTries && result == -EINTR; attempt++) {
    out.resize(before);
    result = dump();
  }
  return result == -EINTR ? 0 : result;
}

}  // namespace

int ListUnixSockets(pid_t netns_pid, std::vector<UnixSocket>& out) {
  Fd fd;
  const int opened = OpenDiagSocket(netns_pid, fd);
  if (opened < 0) return opened;
  return Repeat(out, [&] { return DumpUnix(fd.get(), out); });
}

int ListInetSockets(int protocol, pid_t netns_pid, std::vector<InetSocket>& out) {
  Fd fd;
  int result = OpenDiagSocket(netns_pid, fd);
  for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
    if (result < 0) return result;
    result =
        Repeat(out, [&] { return DumpInet(fd.get(), family, static_cast<std::uint8_t>(protocol), out); });
    // A kernel without IPv6 knows nothing of that family.
    if (family == AF_INET6 && (result == -ENOENT || result == -EAFNOSUPPORT)) result = 0;
  }
  return result;
}

}  // namespace godwit

// NETLINK_SOCK_DIAG (sock_diag(7)): what the kernel knows of the sockets of a network namespace, and /proc/net does not
// show: who is connected to whom, exact abstract names, backlogs. Reads only; every function returns 0 or -errno.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace godwit {

struct UnixSocket {
  std::uint32_t inode = 0;
  std::uint32_t peer = 0;  // 0: not connected, or the other half is closed
  std::uint8_t type = 0;   // SOCK_*
  std::uint8_t state = 0;  // TCP_ESTABLISHED 1, TCP_CLOSE 7, TCP_LISTEN 10
  std::uint8_t shutdown = 0;
  std::uint32_t rqueue = 0;  // of a listener: connections not accepted
  std::uint32_t wqueue = 0;  // of a listener: the backlog's limit
  bool named = false;
  std::string name;                    // sun_path: an abstract one begins with a zero byte
  std::vector<std::uint32_t> pending;  // of a listener: the connecting sockets' inodes
};

struct InetSocket {
  std::uint8_t family = 0;    // AF_INET, AF_INET6
  std::uint8_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP
  std::uint8_t state = 0;     // TCP_*
  std::uint32_t inode = 0;    // 0: no descriptor refers to it any more
  std::array<std::uint8_t, 16> local{};
  std::array<std::uint8_t, 16> remote{};
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t rqueue = 0;  // of a TCP listener: connections not accepted
  std::uint32_t wqueue = 0;  // of a TCP listener: the backlog's limit
  std::uint32_t uid = 0;
  std::uint32_t interface = 0;  // SO_BINDTODEVICE; 0: any
  int v6only = -1;  // -1: the kernel does not say (only closed and listening IPv6 sockets have it)
};

/// Sockets of the namespace of process `netns_pid`, or of the caller's when it is 0. Another's needs CAP_SYS_ADMIN; the
/// caller's own namespace is never changed: a throw-away thread enters the other one to open the netlink socket.
int ListUnixSockets(pid_t netns_pid, std::vector<UnixSocket>& out);

/// The same for IPv4 and IPv6 sockets of a protocol (IPPROTO_TCP, IPPROTO_UDP).
int ListInetSockets(int protocol, pid_t netns_pid, std::vector<InetSocket>& out);

}  // namespace godwit

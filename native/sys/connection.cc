#include "sys/connection.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace godwit {
namespace {

constexpr int kRepairOffWithoutProbe = -1;  // TCP_REPAIR_OFF_NO_WP

int Set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

}  // namespace

int LockConnection(int fd) {
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{1, drop_all};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

int UnlockConnection(int fd, bool reuse) {
  const int filter = Set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
  const int repair = Set(fd, IPPROTO_TCP, TCP_REPAIR, kRepairOffWithoutProbe);
  const int reuse_again = Set(fd, SOL_SOCKET, SO_REUSEADDR, reuse ? 1 : 0);
  if (filter != 0 && filter != -ENOENT) return filter;  // ENOENT: it was not locked yet
  return repair != 0 ? repair : reuse_again;
}

}  // namespace godwit

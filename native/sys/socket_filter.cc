#include "sys/socket_filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace godwit {

int AttachFilter(int socket, std::span<const std::byte> program) {
  if (program.empty() || program.size() % sizeof(sock_filter) != 0) return -EINVAL;
  if (program.size() / sizeof(sock_filter) > BPF_MAXINSNS) return -EINVAL;
  std::vector<sock_filter> code(program.size() / sizeof(sock_filter));
  std::memcpy(code.data(), program.data(), program.size());
  const sock_fprog about{static_cast<unsigned short>(code.size()), code.data()};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &about, sizeof about) < 0 ? -errno : 0;
}

}  // namespace godwit

#include "sys/tunnel.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "sys/segments.h"

namespace godwit {
namespace {

// Without TUNSETOFFLOAD the kernel cuts to the MTU and reckons checksums itself.
constexpr std::size_t kLargest = 1U << 16;

}  // namespace

int OpenTunnel(const char* name, Fd& out) {
  Fd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return -errno;
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd.get(), TUNSETIFF, &request) < 0) return -errno;
  out = std::move(fd);
  return 0;
}

int TakePackets(int tunnel, std::size_t most, std::vector<std::byte>& out) {
  static thread_local std::vector<std::byte> packet(kLargest);
  while (out.size() < most) {
    const ssize_t got = read(tunnel, packet.data(), packet.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? 0 : -errno;
    const auto length = static_cast<std::uint32_t>(got);
    const auto* prefix = reinterpret_cast<const std::byte*>(&length);
    out.insert(out.end(), prefix, prefix + sizeof length);
    out.insert(out.end(), packet.begin(), packet.begin() + got);
  }
  return 0;
}

int GivePackets(int tunnel, std::span<const std::byte> packets) {
  return ForEachPacket(packets, [tunnel](std::span<std::byte> packet) {
    const int complete = CompleteChecksum(packet);
    if (complete != 0) return complete;
    return write(tunnel, packet.data(), packet.size()) < 0 ? -errno : 0;
  });
}

int WaitReadable(std::span<const int> fds, int timeout_ms) {
  std::vector<pollfd> wanted;
  wanted.reserve(fds.size());
  for (const int fd : fds) wanted.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  const int ready = poll(wanted.data(), wanted.size(), timeout_ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  return ready;
}

}  // namespace godwit

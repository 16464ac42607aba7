#include "sys/connection.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace godwit {
namespace {

constexpr int kRepairOffWithoutProbe = -1;  // TCP_REPAIR_OFF_NO_WP
constexpr int kBufferLock = 72;             // SO_BUF_LOCK, Linux 5.15
constexpr int kLeastRoom = 4608;            // SOCK_MIN_SNDBUF, about
constexpr int kMostRoom = 1 << 30;
constexpr std::size_t kPart = 1 << 20;

int Set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int Get(int fd, int level, int name, int missing) {
  int value = missing;
  socklen_t length = sizeof(value);
  return getsockopt(fd, level, name, &value, &length) < 0 ? missing : value;
}

/** Room in a send buffer for whatever comes, until it goes. */
class SendRoom {
 public:
  explicit SendRoom(int fd)
      : fd_(fd),
        was_(Get(fd, SOL_SOCKET, SO_SNDBUF, kLeastRoom)),
        locks_(Get(fd, SOL_SOCKET, kBufferLock, -1)),
        lowat_(Get(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0)),
        room_(was_ < kLeastRoom ? kLeastRoom : was_) {
    // It would keep the buffer from being used.
    Set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
  }
  SendRoom(const SendRoom&) = delete;
  SendRoom& operator=(const SendRoom&) = delete;
  ~SendRoom() {
    Set(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, lowat_);
    if (!grown_) return;
    Set(fd_, SOL_SOCKET, SO_SNDBUFFORCE, was_ / 2);  // the kernel doubles it
    if (locks_ >= 0) Set(fd_, SOL_SOCKET, kBufferLock, locks_);
  }
  /** Packed in another way data may take more of it than it did. */
  bool Grow() {
    if (room_ >= kMostRoom) return false;
    room_ *= 2;
    grown_ = true;
    return Set(fd_, SOL_SOCKET, SO_SNDBUFFORCE, room_ / 2) == 0;
  }

 private:
  int fd_;
  int was_;
  int locks_;
  int lowat_;
  int room_;
  bool grown_ = false;
};

}  // namespace

int LockConnection(int fd) {
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{1, drop_all};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

int HearAgain(int fd) {
  const int error = Set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
  return error == -ENOENT ? 0 : error;
}

int FillSendQueue(int fd, std::span<const std::byte> data) {
  if (data.empty()) return 0;
  SendRoom room(fd);
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t length = data.size() - at < kPart ? data.size() - at : kPart;
    const ssize_t sent = send(fd, &data[at], length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
      at += static_cast<std::size_t>(sent);
    else if (errno != EAGAIN || !room.Grow())
      return -errno;
  }
  return 0;
}

int UnlockConnection(int fd, bool reuse) {
  const int filter = HearAgain(fd);
  const int repair = Set(fd, IPPROTO_TCP, TCP_REPAIR, kRepairOffWithoutProbe);
  const int reuse_again = Set(fd, SOL_SOCKET, SO_REUSEADDR, reuse ? 1 : 0);
  if (filter != 0) return filter;
  return repair != 0 ? repair : reuse_again;
}

}  // namespace godwit

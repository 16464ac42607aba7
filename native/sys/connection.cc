#include "sys/connection.h"

#include <linux/bpf.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <iterator>

namespace godwit {
namespace {

constexpr int kRepairOffWithoutProbe = -1;  // TCP_REPAIR_OFF_NO_WP
constexpr int kFlagsAt = 13;                // of a TCP header
constexpr int kBufferLock = 72;             // SO_BUF_LOCK, Linux 5.15
constexpr int kLeastRoom = 4608;            // SOCK_MIN_SNDBUF, about
constexpr int kMostRoom = 1 << 30;
constexpr std::size_t kPart = 1 << 20;
constexpr int kFewSockets = 4;  // loading a program takes as long as compiling five filters

int Set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

int Get(int fd, int level, int name, int missing) {
  int value = missing;
  socklen_t length = sizeof(value);
  return getsockopt(fd, level, name, &value, &length) < 0 ? missing : value;
}

int Filter(int fd, std::span<sock_filter> instructions) {
  const sock_fprog program{static_cast<unsigned short>(instructions.size()), instructions.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

/** A program that drops every segment (bpf(2), CAP_BPF). A descriptor for as long as this process lives, or -errno. */
int LoadDropAll() {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  static const char license[] = "Apache-2.0";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<std::uintptr_t>(instructions);
  attributes.insn_cnt = std::size(instructions);
  attributes.license = reinterpret_cast<std::uintptr_t>(license);
  const long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

/** In repair mode: what the other end takes is `bytes` from now on; `was`: what it took. */
int ChangeWindow(int fd, std::uint32_t bytes, std::uint32_t* was) {
  tcp_repair_window window{};
  socklen_t length = sizeof window;
  if (getsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, &length) < 0) return -errno;
  if (was != nullptr) *was = window.snd_wnd;
  window.snd_wnd = bytes;
  return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof window) < 0 ? -errno : 0;
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

int StopHearing(int fd) {
  // The kernel compiles a classic filter anew for each socket: 44 us, a shared program 1.4 (Linux 6.18).
  static std::atomic<int> uses{0};
  if (uses++ >= kFewSockets) {
    static const int program = LoadDropAll();
    if (program >= 0 && Set(fd, SOL_SOCKET, SO_ATTACH_BPF, program) == 0) return 0;
  }
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  return Filter(fd, drop_all);
}

int StopListening(int fd) {
  sock_filter drop_first[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsAt),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  };
  return Filter(fd, drop_first);
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

int LockConnection(int fd, ConnectionLock& was) {
  was.reuse = Get(fd, SOL_SOCKET, SO_REUSEADDR, 0) != 0;
  was.keepalive = Get(fd, SOL_SOCKET, SO_KEEPALIVE, 0) != 0;
  was.user_timeout = Get(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
  if (const int error = StopHearing(fd); error != 0) return error;
  int error = Set(fd, IPPROTO_TCP, TCP_REPAIR, 1);
  if (error == 0) error = ChangeWindow(fd, 0, &was.window);
  if (error == 0 && was.keepalive) error = Set(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  if (error == 0 && was.user_timeout != 0) error = Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
  if (error != 0) UnlockConnection(fd, was);
  return error;
}

int UnlockConnection(int fd, const ConnectionLock& was) {
  // 0: it was so, or was never seen.
  const int window = was.window == 0 ? 0 : ChangeWindow(fd, was.window, nullptr);
  const int repair = EndRepair(fd, was.reuse);
  if (was.keepalive) Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (was.user_timeout != 0) Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, was.user_timeout);
  const int filter = HearAgain(fd);
  // Taking off a cork that is not there sends what a window of nothing has kept back (__tcp_sock_set_cork).
  if (Get(fd, IPPROTO_TCP, TCP_CORK, 1) == 0) Set(fd, IPPROTO_TCP, TCP_CORK, 0);
  if (filter != 0) return filter;
  return window != 0 ? window : repair;
}

int EndRepair(int fd, bool reuse) {
  const int repair = Set(fd, IPPROTO_TCP, TCP_REPAIR, kRepairOffWithoutProbe);
  const int reuse_again = Set(fd, SOL_SOCKET, SO_REUSEADDR, reuse ? 1 : 0);
  return repair != 0 ? repair : reuse_again;
}

}  // namespace godwit

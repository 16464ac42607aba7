// What taking from a terminal and filling one have in common. For terminal_take.cc and terminal_fill.cc alone.
#pragma once

#include <asm/ioctls.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <string>

#include "sys/fd.h"
#include "sys/terminal_queues.h"

namespace godwit::terminal {

// drivers/tty/n_tty.c, N_TTY_BUF_SIZE: one byte less is what a line discipline holds.
inline constexpr std::size_t kDisciplineRoom = 4095;

inline void Nap(long us) {
  const timespec time{0, us * 1000};
  nanosleep(&time, nullptr);
}

inline short Events(int fd, short wanted) {
  pollfd entry{fd, wanted, 0};
  return poll(&entry, 1, 0) == 1 ? entry.revents : short{0};
}

inline bool HasRoom(int slave) { return (Events(slave, POLLOUT) & POLLOUT) != 0; }

inline int Waiting(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}

inline bool IsByLine(const Termios& termios) {
  return (termios.c_lflag & ICANON) != 0 && (termios.c_lflag & EXTPROC) == 0;
}

// Settings under which every byte is itself. The line discipline forgets its lines when ICANON or EXTPROC change (n_tty_set_termios).
inline Termios Quiet(const Termios& termios, tcflag_t local) {
  Termios quiet = termios;
  quiet.c_iflag = 0;
  quiet.c_oflag = 0;
  quiet.c_lflag = local;
  std::fill(std::begin(quiet.c_cc), std::end(quiet.c_cc), cc_t{0});
  quiet.c_cc[VMIN] = 1;
  return quiet;
}

inline int Set(int master, const Termios& termios) {
  return ioctl(master, TCSETS2, &termios) == 0 ? 0 : -errno;
}

inline bool EndsItself(const std::string& line, const Termios& termios) {
  if (line.empty()) return false;
  const auto last = static_cast<unsigned char>(line.back());
  return last == '\n' || (last != 0 && (last == termios.c_cc[VEOL] || last == termios.c_cc[VEOL2]));
}

/** A pair for the time of the work: unlocked, not in packet mode, not blocking. As it was afterwards. */
class Opened {
 public:
  explicit Opened(int master) : master_(master) {
    int off = 0;
    ioctl(master_, TIOCGPTLCK, &locked_);
    if (locked_ != 0) ioctl(master_, TIOCSPTLCK, &off);
    slave_ = Fd(OpenTerminalPeer(master_));
    if (!slave_.valid()) return;
    ioctl(master_, TIOCGPKT, &packet_);
    if (packet_ != 0) ioctl(master_, TIOCPKT, &off);
    flags_ = fcntl(master_, F_GETFL);
    fcntl(master_, F_SETFL, flags_ | O_NONBLOCK);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    int on = 1;
    if (slave_.valid()) fcntl(master_, F_SETFL, flags_);
    if (packet_ != 0) ioctl(master_, TIOCPKT, &on);
    slave_.reset();
    if (locked_ != 0) ioctl(master_, TIOCSPTLCK, &on);
  }
  [[nodiscard]] int slave() const { return slave_.get(); }

 private:
  int master_;
  int locked_ = 0;
  int packet_ = 0;
  int flags_ = 0;
  Fd slave_;
};

}  // namespace godwit::terminal

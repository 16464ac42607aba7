#include "sys/terminal_queues.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "sys/fd.h"

namespace godwit {
namespace {

// drivers/tty/n_tty.c, N_TTY_BUF_SIZE: one byte less is what a line discipline holds.
constexpr std::size_t kDisciplineRoom = 4095;
// With less than this before it nothing can wait behind the line discipline.
constexpr int kSurelyProcessed = 2048;
// The way of a pty takes as much as possible in pieces that fill its buffers, and one large piece when it is at its limit, which
// it passes by that (drivers/tty/tty_buffer.c: the limit is 8192, a buffer holds two bytes for each of its size).
constexpr std::size_t kPiece = 256;
constexpr std::size_t kLastPiece = 2048;
constexpr std::size_t kWholePieces = kDisciplineRoom / kPiece * kPiece + std::size_t{2} * 8192 - 4 * kPiece;
constexpr int kPatienceMs = 2000;
constexpr unsigned char kQuote = 0x16;
constexpr unsigned char kEndOfFile = 0x04;
constexpr unsigned char kStop = 0x13;
constexpr unsigned char kStart = 0x11;

void Nap(long us) {
  const timespec time{0, us * 1000};
  nanosleep(&time, nullptr);
}

short Events(int fd, short wanted) {
  pollfd entry{fd, wanted, 0};
  return poll(&entry, 1, 0) == 1 ? entry.revents : short{0};
}

bool HasRoom(int slave) { return (Events(slave, POLLOUT) & POLLOUT) != 0; }

int Waiting(int fd) {
  int count = 0;
  return ioctl(fd, FIONREAD, &count) == 0 ? count : 0;
}

bool IsByLine(const Termios& termios) {
  return (termios.c_lflag & ICANON) != 0 && (termios.c_lflag & EXTPROC) == 0;
}

// Settings under which every byte is itself. The line discipline forgets its lines when ICANON or EXTPROC change (n_tty_set_termios).
Termios Quiet(const Termios& termios, tcflag_t local) {
  Termios quiet = termios;
  quiet.c_iflag = 0;
  quiet.c_oflag = 0;
  quiet.c_lflag = local;
  std::fill(std::begin(quiet.c_cc), std::end(quiet.c_cc), cc_t{0});
  quiet.c_cc[VMIN] = 1;
  return quiet;
}

int Set(int master, const Termios& termios) { return ioctl(master, TCSETS2, &termios) == 0 ? 0 : -errno; }

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

/** poll(2) and read(2) wait for what is on its way (tty_buffer_flush_work) when they find nothing. */
void TakeOutput(int master, std::string& out) {
  for (;;) {
    Events(master, POLLIN);
    const int count = Waiting(master);
    if (count <= 0) return;
    const std::size_t before = out.size();
    out.resize(before + static_cast<std::size_t>(count));
    const ssize_t got = read(master, out.data() + before, static_cast<std::size_t>(count));
    out.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) return;
  }
}

/** Echoes that found no room come with the next write, also with one of nothing. */
void TakeEchoes(int slave, int master, std::string& out) {
  [[maybe_unused]] const ssize_t none = write(slave, "", 0);
  TakeOutput(master, out);
}

void TakeLines(int slave, std::vector<std::string>& lines) {
  std::array<char, kDisciplineRoom + 1> line;
  while (lines.size() < 4 * kDisciplineRoom) {
    const ssize_t got = read(slave, line.data(), line.size());
    if (got < 0) return;
    lines.emplace_back(line.data(), static_cast<std::size_t>(got));
  }
}

void TakeRest(int slave, std::string& rest) {
  std::array<char, kDisciplineRoom + 1> bytes;
  for (;;) {
    const ssize_t got = read(slave, bytes.data(), bytes.size());
    if (got <= 0) return;
    rest.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

bool EndsItself(const std::string& line, const Termios& termios) {
  if (line.empty()) return false;
  const auto last = static_cast<unsigned char>(line.back());
  return last == '\n' || (last != 0 && (last == termios.c_cc[VEOL] || last == termios.c_cc[VEOL2]));
}

/** What the line discipline did not hold goes where it was: behind it. */
void SplitExcess(TerminalQueues& queues, const Termios& termios) {
  std::size_t used = 0;
  auto line = queues.lines.begin();
  for (; line != queues.lines.end(); ++line) {
    const std::size_t slots = line->size() + (EndsItself(*line, termios) ? 0 : 1);
    if (used + slots > kDisciplineRoom) break;
    used += slots;
  }
  std::string behind;
  for (auto more = line; more != queues.lines.end(); ++more) behind += *more;
  queues.lines.erase(line, queues.lines.end());
  behind += queues.rest;
  const std::size_t fits = std::min(behind.size(), kDisciplineRoom - used);
  queues.rest = behind.substr(0, fits);
  queues.excess = behind.substr(fits);
}

/** To either end; `other` is looked at so that the kernel hands over what it can. */
int WriteAll(int end, int other, std::string_view bytes) {
  for (std::size_t at = 0, tries = 0; at < bytes.size();) {
    const std::size_t length = std::min(at < kWholePieces ? kPiece : kLastPiece, bytes.size() - at);
    const ssize_t put = write(end, bytes.data() + at, length);
    if (at < kDisciplineRoom) Events(other, POLLIN);
    if (put > 0) {
      at += static_cast<std::size_t>(put);
      continue;
    }
    if (put < 0 && errno != EAGAIN) return -errno;
    if (++tries > static_cast<std::size_t>(kPatienceMs)) return -ENOSPC;
    Nap(1000);
  }
  return 0;
}

template <typename Condition>
int Await(Condition condition) {
  for (int tries = 0; !condition(); ++tries) {
    if (tries > 100 + 10 * kPatienceMs) return -ETIMEDOUT;
    if (tries > 100) Nap(100);
  }
  return 0;
}

/** A stop that takes effect proves that everything before it was processed. Preconditions: IXON, kStop; room for output. */
int WriteStop(int slave, int master) {
  const char stop = static_cast<char>(kStop);
  if (write(master, &stop, 1) != 1) return -errno;
  return Await([=] { return !HasRoom(slave); });
}

Termios ByLine(const Termios& termios, unsigned char end_of_line) {
  Termios quiet = Quiet(termios, ICANON | IEXTEN);
  quiet.c_cc[VLNEXT] = kQuote;
  quiet.c_cc[VEOF] = kEndOfFile;
  quiet.c_cc[VEOL] = end_of_line;
  quiet.c_cc[VSTOP] = kStop;
  quiet.c_cc[VSTART] = kStart;
  quiet.c_iflag = IXON;
  return quiet;
}

void AppendQuoted(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) {
    out += static_cast<char>(kQuote);
    out += byte;
  }
}

/** Writes input under `settings`, waits until it is processed, and lets the output go on. */
int PutQuoted(int slave, int master, Termios settings, const std::string& input) {
  if (const int error = Set(master, settings); error < 0) return error;
  if (const int error = WriteAll(master, slave, input); error < 0) return error;
  if (const int error = WriteStop(slave, master); error < 0) return error;
  settings.c_iflag = 0;  // taking IXON away starts the output
  return Set(master, settings);
}

int PutLines(int slave, int master, const Termios& termios, const TerminalQueues& queues) {
  std::string input;
  unsigned char end_of_line = 0;
  const auto flush = [&] {
    const int error = input.empty() ? 0 : PutQuoted(slave, master, ByLine(termios, end_of_line), input);
    input.clear();
    return error;
  };
  for (const std::string& line : queues.lines) {
    const bool ends_itself = EndsItself(line, termios);
    const auto last = line.empty() ? '\0' : line.back();
    if (ends_itself && last != '\n' && static_cast<unsigned char>(last) != end_of_line) {
      if (const int error = flush(); error < 0) return error;
      end_of_line = static_cast<unsigned char>(last);
    }
    AppendQuoted(input, std::string_view(line).substr(0, line.size() - (ends_itself ? 1 : 0)));
    input += ends_itself ? last : static_cast<char>(kEndOfFile);
  }
  AppendQuoted(input, queues.rest);
  return flush();
}

int PutRaw(int slave, int master, const Termios& termios, const std::string& rest) {
  if (const int error = Set(master, Quiet(termios, termios.c_lflag & (ICANON | EXTPROC))); error < 0)
    return error;
  if (const int error = WriteAll(master, slave, rest); error < 0) return error;
  return Await([&] { return Waiting(slave) >= static_cast<int>(rest.size()); });
}

int PutStop(int slave, int master, OutputStop stop, const Termios& termios) {
  if (stop == OutputStop::kNo) return 0;
  if (stop == OutputStop::kProgram) return ioctl(slave, TCXONC, TCOOFF) == 0 ? 0 : -errno;
  Termios settings = Quiet(termios, termios.c_lflag & (ICANON | EXTPROC));
  settings.c_cc[VSTOP] = kStop;
  settings.c_cc[VSTART] = kStart;
  settings.c_iflag = IXON;
  if (const int error = Set(master, settings); error < 0) return error;
  if (HasRoom(slave)) return WriteStop(slave, master);
  // Full: that it has been stopped does not show.
  const char byte = static_cast<char>(kStop);
  if (write(master, &byte, 1) != 1) return -errno;
  Nap(20'000);
  return 0;
}

}  // namespace

int OpenTerminalPeer(int master) {
  const int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return fd >= 0 ? fd : -errno;
}

int TakeTerminalQueues(int master, Termios& termios, TerminalQueues& out) {
  const Opened pair(master);
  const int slave = pair.slave();
  if (slave < 0) return slave;
  if (ioctl(master, TCGETS2, &termios) != 0) return -errno;
  TakeOutput(master, out.output);
  const bool stopped = !HasRoom(slave);
  if (!stopped) TakeEchoes(slave, master, out.output);
  const tcflag_t kept = termios.c_lflag & (ICANON | EXTPROC);
  if (Waiting(slave) > kSurelyProcessed) {
    Nap(5000);  // the terminal's own settings are for what has just come
    if (Set(master, Quiet(termios, kept)) < 0) return -EIO;
  }
  if (IsByLine(termios)) TakeLines(slave, out.lines);
  if (Set(master, Quiet(termios, IsByLine(termios) ? 0 : kept)) < 0) return -EIO;
  TakeRest(slave, out.rest);
  SplitExcess(out, termios);
  if (!stopped) return 0;
  // Taking IXON away has started what Ctrl-S had stopped.
  out.stop = HasRoom(slave) ? OutputStop::kCharacter : OutputStop::kProgram;
  if (out.stop == OutputStop::kProgram && ioctl(slave, TCXONC, TCOON) != 0) return -EIO;
  TakeEchoes(slave, master, out.output);
  return 0;
}

int PutTerminalQueues(int master, const Termios& termios, const TerminalQueues& queues) {
  const Opened pair(master);
  const int slave = pair.slave();
  if (slave < 0) return slave;
  int error = IsByLine(termios) ? PutLines(slave, master, termios, queues)
                                : PutRaw(slave, master, termios, queues.rest);
  if (error == 0 && !queues.output.empty()) {
    error = Set(master, Quiet(termios, termios.c_lflag & (ICANON | EXTPROC)));
    if (error == 0) error = WriteAll(slave, master, queues.output);
  }
  if (error == 0) error = PutStop(slave, master, queues.stop, termios);
  const int set = Set(master, termios);
  if (error == 0) error = set;
  if (error == 0) error = WriteAll(master, slave, queues.excess);
  return error;
}

std::string EncodeTerminalQueues(const TerminalQueues& queues) {
  std::string out;
  const auto number = [&](std::size_t value) {
    const auto word = static_cast<std::uint32_t>(value);
    out.append(reinterpret_cast<const char*>(&word), sizeof word);
  };
  const auto bytes = [&](const std::string& value) {
    number(value.size());
    out += value;
  };
  number(static_cast<std::size_t>(queues.stop));
  number(queues.lines.size());
  for (const std::string& line : queues.lines) bytes(line);
  bytes(queues.rest);
  bytes(queues.excess);
  bytes(queues.output);
  return out;
}

bool DecodeTerminalQueues(std::span<const std::byte> input, TerminalQueues& out) {
  std::size_t at = 0;
  const auto number = [&](std::uint32_t& value) {
    if (input.size() - at < sizeof value) return false;
    std::memcpy(&value, input.data() + at, sizeof value);
    at += sizeof value;
    return true;
  };
  const auto bytes = [&](std::string& value) {
    std::uint32_t length = 0;
    if (!number(length) || input.size() - at < length) return false;
    value.assign(reinterpret_cast<const char*>(input.data()) + at, length);
    at += length;
    return true;
  };
  std::uint32_t stop = 0;
  std::uint32_t lines = 0;
  if (!number(stop) || stop > 2 || !number(lines) || lines > input.size()) return false;
  out.stop = static_cast<OutputStop>(stop);
  out.lines.resize(lines);
  for (std::string& line : out.lines)
    if (!bytes(line)) return false;
  return bytes(out.rest) && bytes(out.excess) && bytes(out.output) && at == input.size();
}

}  // namespace godwit

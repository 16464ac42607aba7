// Fills an empty terminal with what waited in another.
#include <string_view>

#include "sys/terminal_common.h"

namespace godwit {
namespace {

using namespace terminal;

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

}  // namespace godwit

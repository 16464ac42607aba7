// Takes out of a terminal all that waits in it.
#include <array>

#include "sys/terminal_common.h"

namespace godwit {
namespace {

using namespace terminal;

// With less than this before it nothing can wait behind the line discipline.
constexpr int kSurelyProcessed = 2048;

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

}  // namespace godwit

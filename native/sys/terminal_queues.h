// What waits in a pseudoterminal (pty(7)): typed and not yet read, printed and not yet read. The kernel shows none of it without
// giving it away, so it is taken out and put back. Nobody else may use the terminal meanwhile, and whoever runs this must live
// until it is through: what was taken is nowhere else.
#pragma once

#include <asm/termbits.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace godwit {

using Termios = ::termios2;

enum class OutputStop : std::uint32_t {
  kNo,
  kProgram,    // tcflow(3), TCOOFF
  kCharacter,  // Ctrl-S
};

struct TerminalQueues {
  OutputStop stop = OutputStop::kNo;
  /** Finished lines, as reads give them; an empty one is an end of file. None in raw mode. */
  std::vector<std::string> lines;
  /** Raw input, or the unfinished line. */
  std::string rest;
  /** Behind a full line discipline: not processed yet. */
  std::string excess;
  /** For the master to read. */
  std::string output;
};

/** A slave of the master's, not blocking, nobody's controlling terminal. A negative errno. */
int OpenTerminalPeer(int master);

/**
 * Takes everything out. `termios` gets the terminal's settings, which are others until PutTerminalQueues. Preconditions: the slave
 * has been opened before, no packet status waits. 0 or a negative errno: then nothing was taken, unless it is -EIO.
 */
int TakeTerminalQueues(int master, Termios& termios, TerminalQueues& out);

/** Fills an empty terminal and gives it `termios`. 0 or a negative errno: what does not fit (-ENOSPC) is lost. */
int PutTerminalQueues(int master, const Termios& termios, const TerminalQueues& queues);

/** u32 stop, u32 lines, then lines, rest, excess and output, each with its u32 length. */
std::string EncodeTerminalQueues(const TerminalQueues& queues);
bool DecodeTerminalQueues(std::span<const std::byte> bytes, TerminalQueues& out);

}  // namespace godwit

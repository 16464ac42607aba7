// The init of a tree's own PID namespace: PID 1, with a private mount namespace and a fresh /proc. It makes the root
// shells as its children, reaps what is orphaned, and tells the keeper who ended how. It is no part of the tree.
#pragma once

#include "keeper/shell.h"
#include "sys/fd.h"

namespace godwit {

// Messages on the channel between keeper and init, one a datagram.
struct InitMessage {
  enum class Kind : std::int32_t { kSpawn, kReport, kExit } kind = Kind::kSpawn;
  ShellRequest request;  // kSpawn
  ShellReport report;    // kReport; a pidfd comes with it when it names a PID
  pid_t vpid = 0;        // kExit
  std::int32_t status = 0;
};

class Init {
 public:
  [[nodiscard]] bool alive() const { return pid_ > 0; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int channel() const { return channel_.get(); }

  /** Clones it into the fence. `word` is the owner word: a keeper that dies while STAGING takes the init with it. */
  ShellReport Start(const std::uint64_t* word, int cgroup_fd, int agent_pidfd);
  /** Asks for a shell. The report's PID is as the caller sees it. Exits that come in between go to `exits`. */
  ShellReport Spawn(const ShellRequest& request, void (*exits)(void*, const InitMessage&), void* context);
  /** Takes one message if there is one. */
  bool Receive(InitMessage& message, Fd& fd);
  /** After it has been reaped. What it sent before is still to be received. */
  void Ended() { pid_ = 0; }
  void Close() { channel_.reset(); }

 private:
  pid_t pid_ = 0;
  Fd channel_;
};

}  // namespace godwit

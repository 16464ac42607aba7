// The keeper: one for each migration on each host, in its own session and cgroup. It outlives the agent, and when the
// agent dies it wins the owner word and acts (diagram: sys/owner_word.h):
//
//   source, not COMMITTED   -> ABORTED: undo at once, tell the target through the resolver until it answers (a day), leave
//   source, COMMITTED       -> the tree stays frozen; the resolver goes on until somebody says `finish` (or `revive`)
//   target, STAGING         -> ABORTED: not one shell is left
//   target, PREPARED        -> the tree stands frozen until a client says `run` or `abort`
//   target, RUNNING         -> thawed for sure; parent of the tree until its last process has ended
//
// Single-threaded: parent-death signals of the restored roots are bound to the thread (prctl(2), PR_SET_PDEATHSIG).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "keeper/options.h"
#include "keeper/post_copy.h"
#include "keeper/resolver.h"
#include "keeper/server.h"
#include "keeper/speech.h"
#include "keeper/tree.h"
#include "keeper/undo.h"

namespace godwit {

class Keeper final : public Executor {
 public:
  explicit Keeper(const Options& options)
      : options_(options), resolver_(options.resolver, options.dir + "/resolver.log"), tree_(options) {}

  /** Nothing is left behind when it fails. `what` gets the step that did. 0 or a negative errno. */
  int SetUp(const char*& what);
  /** Until the migration has come to its end; then nothing is left. */
  void Run();

  Reply Execute(Request& request) override;

 private:
  bool is_source() const { return options_.role == Role::kSource; }
  int MakeDir() const;
  int MakeWord();
  void MoveToOwnCgroup();
  void CleanUp();

  // life.cc
  void AgentDied();
  void SourceAgentDied();
  void TargetAgentDied();
  void ReapChildren();
  void RunTimers();
  int PollTimeoutMs() const;
  bool AtEnd() const;
  bool Change(std::uint64_t from, std::uint64_t to);
  int AbortSource(std::uint64_t from_also, const char* why);
  int AbortTarget(const char* why);
  int FinishSource();
  int RunTree(std::string& unsaid);
  void UndoAll(const char* why);

  // commands.cc
  Reply ExecuteUndo(Request& request);
  Reply ExecuteHold(Request& request);
  Reply ExecuteFetch(const Request& request);
  static Reply ExecuteTerminal(const Request& request, Fd& reply_fd);
  static Reply ExecuteMessages(const Request& request, Fd& reply_fd);
  Reply ExecuteSpawn(const Request& request);
  Reply Status() const;

  // lock.cc
  Reply ExecuteLock(Request& request);
  Reply ExecuteRevert(const Request& request);

  // post_copy_commands.cc
  Reply ExecutePostCopy(Request& request);
  void ServePostCopy(const std::vector<pollfd>& entries, std::size_t first);

  // say.cc
  Reply ExecuteSay(Request& request);
  Reply ExecuteBring(const Request& request) const;
  Reply ExecuteRun();

  const Options& options_;
  Resolver resolver_;
  Tree tree_;
  UndoList undo_;
  Speech speech_;
  PostCopy post_copy_;
  Server server_;
  std::vector<std::pair<std::string, Fd>> held_;
  Fd looked_at_;  // went with the last reply
  std::uint64_t* word_ = nullptr;
  Fd agent_;  // pidfd
  Fd signals_;
  bool dir_made_ = false;
  bool in_own_cgroup_ = false;
  bool agent_dead_ = false;
  bool childless_ = true;
  bool closing_ = false;            // ABORTED, all undone: leave as soon as nobody needs us
  bool bye_ = false;                // the agent has done its part of an abort
  std::int64_t tell_until_us_ = 0;  // until then a target that did not answer is asked again
  bool finished_ = false;           // leave now
  std::int64_t ran_at_us_ = 0;
  std::int64_t leave_fence_us_ = 0;
};

}  // namespace godwit

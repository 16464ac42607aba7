// What the keeper decides, and when. The states are those of sys/owner_word.h.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "keeper/cgroup.h"
#include "keeper/history.h"
#include "keeper/keeper.h"
#include "keeper/text.h"
#include "sys/owner_word.h"

namespace godwit {
namespace {

constexpr int kKillTimeoutMs = 10'000;
// Moving processes between cgroups holds up forks and exits for some 10 ms: not in the first moments of a new life.
constexpr std::int64_t kSettleUs = 500'000;
constexpr std::int64_t kRetryUs = 1'000'000;
// For how long a target that cannot be reached is asked to let go of what it may hold: a day. It runs nowhere but here.
constexpr std::int64_t kTellUs = 86'400'000'000;

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

void Keeper::Run() {
  while (!AtEnd()) {
    std::vector<pollfd> entries{{signals_.get(), POLLIN, 0},
                                {agent_dead_ ? -1 : agent_.get(), POLLIN, 0},
                                {tree_.channel(), POLLIN, 0}};
    const std::size_t first = entries.size();
    post_copy_.AddTo(entries);
    const std::size_t clients = entries.size();
    server_.AddTo(entries);
    poll(entries.data(), entries.size(), PollTimeoutMs());
    ServePostCopy({entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(clients)}, first);
    server_.Serve(entries, clients, *this);  // before the agent's death: its last words count
    if (entries[0].revents != 0) ReapChildren();
    if (entries[2].revents != 0) tree_.Hear();
    if (entries[1].revents != 0) AgentDied();
    RunTimers();
  }
  CleanUp();
}

bool Keeper::AtEnd() const {
  if (finished_) return true;
  if (closing_ && (bye_ || (agent_dead_ && !resolver_.active()))) return true;
  return !is_source() && LoadWord(word_) == kRunning && childless_;
}

int Keeper::PollTimeoutMs() const {
  std::int64_t next = -1;
  for (const std::int64_t at : {resolver_.next_start_us(), leave_fence_us_, speech_.next_announcement_us()})
    if (at > 0 && (next < 0 || at < next)) next = at;
  const int soon = post_copy_.patience_ms();
  if (next < 0 || soon >= 0) return soon;
  return static_cast<int>(std::max<std::int64_t>(0, (next - MonotonicUs() + 999) / 1000));
}

void Keeper::RunTimers() {
  const std::int64_t now = MonotonicUs();
  if (resolver_.next_start_us() > 0 && now >= resolver_.next_start_us()) {
    resolver_.Start();
  }
  if (speech_.next_announcement_us() > 0 && now >= speech_.next_announcement_us()) speech_.Announce();
  if (leave_fence_us_ > 0 && now >= leave_fence_us_)
    leave_fence_us_ = tree_.LeaveFence() ? 0 : MonotonicUs() + kRetryUs;
}

void Keeper::ReapChildren() {
  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) > 0) {
  }
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    childless_ = pid < 0 && errno == ECHILD;
    if (pid <= 0) return;
    if (pid != resolver_.pid()) {
      tree_.Ended(pid, status);
      continue;
    }
    resolver_.Ended();
    const bool is_told = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (LoadWord(word_) == kCommitted || (!is_told && MonotonicUs() < tell_until_us_)) resolver_.StartLater();
  }
}

bool Keeper::Change(std::uint64_t from, std::uint64_t to) {
  return CompareExchangeWord(word_, from, to) == from;
}

void Keeper::AgentDied() {
  agent_dead_ = true;
  if (is_source())
    SourceAgentDied();
  else
    TargetAgentDied();
}

void Keeper::SourceAgentDied() {
  // Whatever the agent was about to do: who wins the word decides. -EPERM: it is COMMITTED, the target owns the tree.
  if (finished_) return;
  if (AbortSource(kFenced, "the agent died") != 0) WriteHistory(options_, "agent-died-committed", {});
  tell_until_us_ = MonotonicUs() + kTellUs;
  resolver_.Start();
}

void Keeper::TargetAgentDied() {
  if (LoadWord(word_) == kRunning) {
    tree_.Thaw();
  } else if (LoadWord(word_) == kPrepared) {
    WriteHistory(options_, "agent-died-prepared", {});
  } else if (AbortTarget("the agent died") != 0) {
    closing_ = true;  // something cannot be killed: there is no more that could be done
  }
}

int Keeper::AbortSource(std::uint64_t from_also, const char* why) {
  const bool won = Change(kOpen, kAborted) || Change(kFenced, kAborted) || Change(from_also, kAborted);
  if (!won && LoadWord(word_) != kAborted) return -EPERM;
  if (from_also == kCommitted) {  // it is known that the target has nothing
    resolver_.Cancel();
    tell_until_us_ = 0;
  }
  UndoAll(why);
  closing_ = true;
  return 0;
}

int Keeper::AbortTarget(const char* why) {
  const bool won = Change(kStaging, kTargetAborted) || Change(kPrepared, kTargetAborted);
  if (!won && LoadWord(word_) != kTargetAborted) return -EPERM;
  const int error = tree_.Destroy();
  ReapChildren();
  if (error != 0) return error;
  post_copy_.Clear();
  UndoAll(why);
  closing_ = true;
  return 0;
}

void Keeper::UndoAll(const char* why) {
  if (closing_) return;
  const std::int64_t began = MonotonicUs();
  const std::string failed = undo_.Run();
  std::string more = "\"why\":" + Quoted(why) + ",\"us\":" + std::to_string(MonotonicUs() - began);
  if (!failed.empty()) more += ",\"failed\":" + Quoted(failed);
  WriteHistory(options_, "aborted", more);
}

int Keeper::FinishSource() {
  if (LoadWord(word_) != kCommitted) return -EPERM;
  const std::vector<std::string> fences = undo_.Fences();
  for (const std::string& fence : fences) {
    const int error = KillCgroup(fence);
    if (error != 0 && error != -ENOENT) return error;
  }
  for (const std::string& fence : fences) {
    if (const int error = WaitEmptyCgroup(fence, kKillTimeoutMs); error != 0) return error;
    if (const int error = RemoveCgroup(fence); error != 0 && error != -EBUSY) return error;
  }
  undo_.RemoveLeft();
  undo_.DropAll();
  finished_ = true;
  return 0;
}

int Keeper::RunTree(std::string& unsaid) {
  ReapChildren();
  tree_.Hear();
  if (LoadWord(word_) == kPrepared && tree_.living() == 0) return -ESRCH;
  if (!Change(kPrepared, kRunning) && LoadWord(word_) != kRunning) return -EPERM;
  unsaid = speech_.Run();
  if (!unsaid.empty()) WriteHistory(options_, "unsaid", "\"failed\":" + Quoted(unsaid));
  // Before, for what runs may keep this process from its CPU.
  if (ran_at_us_ == 0) ran_at_us_ = MonotonicUs();
  if (const int error = tree_.Thaw(); error != 0) return error;
  if (leave_fence_us_ == 0) leave_fence_us_ = MonotonicUs() + kSettleUs;
  ReapChildren();
  return 0;
}

}  // namespace godwit

#include "keeper/tree.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "keeper/cgroup.h"
#include "keeper/history.h"
#include "keeper/text.h"

namespace godwit {
namespace {

constexpr std::size_t kMaxExits = 10'000;  // an old tree may orphan without end; /run is memory
constexpr int kKillTimeoutMs = 10'000;

std::string HowEnded(int status) {
  if (WIFSIGNALED(status)) return "\"signal\":" + std::to_string(WTERMSIG(status));
  return "\"code\":" + std::to_string(WEXITSTATUS(status));
}

}  // namespace

int Tree::SetUp() {
  if (const int error = MakeCgroup(options_.fence()); error != 0) return error;
  fence_ = Fd(open(options_.fence().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fence_.valid()) return -errno;
  freeze_ = Fd(openat(fence_.get(), "cgroup.freeze", O_WRONLY | O_CLOEXEC));
  return freeze_.valid() ? 0 : -errno;
}

ShellReport Tree::Spawn(const ShellRequest& wanted, bool new_pid, const std::uint64_t* word) {
  ShellRequest request = wanted;
  request.cgroup_fd = fence_.get();
  if (new_pid && !init_.alive()) {
    const ShellReport ready = init_.Start(word, fence_.get(), request.agent_pidfd);
    if (ready.error != 0) return ready;
  }
  const auto hear_exit = [](void* tree, const InitMessage& message) {
    static_cast<Tree*>(tree)->Record(message.vpid, true, message.status);
  };
  const ShellReport report = new_pid ? init_.Spawn(request, hear_exit, this) : MakeShell(request);
  if (report.error == 0) roots_.push_back({report.pid, request.vpid, new_pid});
  return report;
}

int Tree::Thaw() {
  // ENODEV: the fence has been left and removed, all run.
  return write(freeze_.get(), "0", 1) == 1 || errno == ENODEV ? 0 : -errno;
}

int Tree::Destroy() {
  const std::string fence = options_.fence();
  const int error = KillCgroup(fence);
  if (error == -ENOENT) return 0;
  if (error != 0) return error;
  if (const int still = WaitEmptyCgroup(fence, kKillTimeoutMs); still != 0) return still;
  return RemoveCgroup(fence);
}

bool Tree::LeaveFence() {
  const std::string fence = options_.fence();
  if (access(fence.c_str(), F_OK) != 0) return true;
  return VacateCgroup(fence, options_.cgroup) == 0 && RemoveCgroup(fence) == 0;
}

void Tree::Record(pid_t vpid, bool behind_init, int status) {
  const std::string how = "\"vpid\":" + std::to_string(vpid) + "," + HowEnded(status);
  if (exits_recorded_++ < kMaxExits)
    AppendLine(exits_path_.c_str(), "{\"at\":" + std::to_string(RealtimeMs()) + "," + how + "}");
  const auto gone = std::erase_if(
      roots_, [=](const Root& root) { return root.vpid == vpid && root.behind_init == behind_init; });
  if (gone > 0) WriteHistory(options_, "exit", how);
}

void Tree::Ended(pid_t pid, int status) {
  if (pid != init_.pid()) return Record(pid, false, status);
  Hear();
  init_.Ended();
  init_.Close();
  // Whoever is still on the list was killed with the namespace.
  std::erase_if(roots_, [](const Root& root) { return root.behind_init; });
}

void Tree::Hear() {
  for (;;) {
    InitMessage message;
    Fd fd;
    if (init_.channel() < 0 || !init_.Receive(message, fd)) return;
    if (message.kind == InitMessage::Kind::kExit) Record(message.vpid, true, message.status);
  }
}

}  // namespace godwit

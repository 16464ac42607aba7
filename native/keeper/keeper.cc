// How the keeper comes to stand, and how it goes without a trace.
#include "keeper/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "keeper/cgroup.h"
#include "keeper/text.h"
#include "sys/owner_word.h"

namespace godwit {
namespace {

constexpr std::int64_t kLastReapUs = 1'000'000;

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

int Keeper::SetUp(const char*& what) {
  int error = 0;
  const auto failed = [&](const char* step, int result) {
    what = step;
    error = result;
    return result != 0;
  };
  agent_ = Fd(static_cast<int>(syscall(SYS_pidfd_open, options_.agent, 0)));
  if (failed("agent", agent_.valid() ? 0 : -errno)) return error;
  // The PID was the agent's for sure if the agent is still our parent after the pidfd was opened.
  if (failed("agent is not the parent", getppid() == options_.agent ? 0 : -ESRCH)) return error;
  if (failed("directory", MakeDir())) return error;
  dir_made_ = true;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_ = Fd(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  MoveToOwnCgroup();
  const bool bad = failed("signalfd", signals_.valid() ? 0 : -errno) || failed("owner word", MakeWord()) ||
                   (!is_source() && failed("fence", tree_.SetUp())) ||
                   failed("keeper.sock", server_.Listen(options_.dir));
  if (bad) CleanUp();
  return error;
}

// The folder above is that of the migration: both roles' when a tree moves within one host. Whoever ends last removes
// it, perhaps between our two steps.
int Keeper::MakeDir() const {
  for (int round = 0; round < 10; ++round) {
    if (mkdir(ParentOf(options_.dir).c_str(), 0700) != 0 && errno != EEXIST) break;  // no space, for example
    if (mkdir(options_.dir.c_str(), 0700) == 0) return 0;
    if (errno != ENOENT) break;
  }
  return -errno;
}

int Keeper::MakeWord() {
  const Fd file(open((options_.dir + "/owner").c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const std::uint64_t first = is_source() ? kOpen : kStaging;
  if (!file.valid() || write(file.get(), &first, sizeof first) != static_cast<ssize_t>(sizeof first))
    return -errno;
  void* at = mmap(nullptr, sizeof first, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) return -errno;
  word_ = static_cast<std::uint64_t*>(at);
  return 0;
}

// So that what ends the agent's service (its whole cgroup) does not end us. Without a cgroup that we may write to we
// stay; `status` says so.
void Keeper::MoveToOwnCgroup() {
  const std::string own = options_.own_cgroup();
  if (MakeCgroup(own) != 0) return;
  in_own_cgroup_ = WriteFile((own + "/cgroup.procs").c_str(), "0") == 0;
  if (!in_own_cgroup_) rmdir(own.c_str());
}

void Keeper::CleanUp() {
  if (!is_source()) {
    // A zombie that is still traced by the agent cannot be reaped by us; it will be when the agent lets go.
    const std::int64_t deadline = MonotonicUs() + kLastReapUs;
    while (MonotonicUs() < deadline && waitpid(-1, nullptr, WNOHANG) >= 0) {
      constexpr timespec pause{0, 1'000'000};
      nanosleep(&pause, nullptr);
    }
    RemoveCgroup(options_.fence());
  }
  const std::string own = options_.own_cgroup();
  // A resolver may still be in it. The base refuses processes where controllers are on; then go where we came from.
  if (in_own_cgroup_ && VacateCgroup(own, options_.cgroup) != 0 && !options_.home.empty())
    VacateCgroup(own, options_.home);
  if (in_own_cgroup_) RemoveCgroup(own);
  if (!dir_made_) return;
  RemoveTree(options_.dir.c_str());
  rmdir(ParentOf(options_.dir).c_str());  // stays while the other role uses it
}

}  // namespace godwit

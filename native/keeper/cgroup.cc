#include "keeper/cgroup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "keeper/text.h"
#include "sys/fd.h"

namespace godwit {
namespace {

constexpr std::int64_t kPatienceUs = 2'000'000;

std::vector<pid_t> Members(const std::string& dir) {
  std::vector<pid_t> pids;
  const std::string text = ReadFile((dir + "/cgroup.procs").c_str());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    pid_t pid = 0;
    // 0 stands for a process outside of our PID namespace; written back it would mean ourselves.
    if (ParseNumber(std::string_view(text).substr(at, end - at), pid) && pid > 0) pids.push_back(pid);
    at = end + 1;
  }
  return pids;
}

void Pause() {
  constexpr timespec pause{0, 1'000'000};
  nanosleep(&pause, nullptr);
}

}  // namespace

int MakeCgroup(const std::string& dir) {
  if (mkdir(dir.c_str(), 0755) == 0) return 0;
  if (errno != EEXIST) return -errno;
  return Members(dir).empty() ? ThawCgroup(dir) : -EEXIST;
}

int ThawCgroup(const std::string& dir) { return WriteFile((dir + "/cgroup.freeze").c_str(), "0"); }

int KillCgroup(const std::string& dir) {
  if (WriteFile((dir + "/cgroup.kill").c_str(), "1") == 0) return 0;
  if (access(dir.c_str(), F_OK) != 0) return -errno;
  for (int round = 0; round < 100; ++round) {
    const std::vector<pid_t> pids = Members(dir);
    if (pids.empty()) return 0;
    for (const pid_t pid : pids) kill(pid, SIGKILL);
    Pause();
  }
  return -ETIMEDOUT;
}

int WaitEmptyCgroup(const std::string& dir, int timeout_ms) {
  const std::int64_t deadline = MonotonicUs() + std::int64_t{timeout_ms} * 1000;
  const Fd events(open((dir + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  if (!events.valid()) return errno == ENOENT ? 0 : -errno;
  for (;;) {
    char text[256];
    const ssize_t got = pread(events.get(), text, sizeof text, 0);
    if (got < 0) return errno == ENODEV ? 0 : -errno;  // ENODEV: it has been removed
    if (std::string_view(text, static_cast<std::size_t>(got)).find("populated 0") != std::string_view::npos)
      return 0;
    if (MonotonicUs() > deadline) return -ETIMEDOUT;
    pollfd entry{events.get(), POLLPRI,
                 0};  // cgroup.events tells of a change; the limit is for changes in between
    poll(&entry, 1, 10);
  }
}

int VacateCgroup(const std::string& dir, const std::string& to) {
  const std::int64_t deadline = MonotonicUs() + kPatienceUs;
  const Fd procs(open((to + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!procs.valid()) return -errno;
  for (;;) {
    const std::vector<pid_t> pids = Members(dir);
    if (pids.empty()) return 0;
    for (const pid_t pid : pids) {
      const std::string text = std::to_string(pid);
      if (write(procs.get(), text.data(), text.size()) < 0 && errno != ESRCH) return -errno;
    }
    if (MonotonicUs() > deadline) return -ETIMEDOUT;
  }
}

int RemoveCgroup(const std::string& dir) {
  const std::int64_t deadline = MonotonicUs() + kPatienceUs / 20;
  for (;;) {
    if (rmdir(dir.c_str()) == 0 || errno == ENOENT) return 0;
    if (errno != EBUSY || MonotonicUs() > deadline || !Members(dir).empty()) return -errno;
    Pause();
  }
}

}  // namespace godwit

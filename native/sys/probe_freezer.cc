// Probe of the cgroup v2 freezer on a child of our own.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

#include "sys/fd.h"
#include "sys/probe.h"
#include "sys/probe_child.h"

namespace godwit {
namespace {

constexpr int kPatienceMs = 2000;

int Write(const std::string& path, std::string_view text) {
  const Fd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return -errno;
  return write(fd.get(), text.data(), text.size()) < 0 ? -errno : 0;
}

bool Contains(const std::string& path, std::string_view text) {
  const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char content[256];
  const ssize_t length = fd.valid() ? read(fd.get(), content, sizeof(content)) : 0;
  return length > 0 &&
         std::string_view(content, static_cast<std::size_t>(length)).find(text) != std::string_view::npos;
}

template <typename Condition>
int Await(Condition condition) {
  const timespec pause = {.tv_sec = 0, .tv_nsec = 1'000'000};
  for (int i = 0; i < kPatienceMs; i++) {
    if (condition()) return 0;
    nanosleep(&pause, nullptr);
  }
  return -ETIMEDOUT;
}

int FreezeAndThaw(const std::string& directory) {
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  int result = Write(directory + "/cgroup.procs", std::to_string(child.pid()));
  if (result < 0) return result;
  result = Write(directory + "/cgroup.freeze", "1");
  if (result < 0) return result;
  result = Await([&] { return Contains(directory + "/cgroup.events", "frozen 1"); });
  const int thawed = Write(directory + "/cgroup.freeze", "0");
  return result < 0 ? result : thawed;
}

}  // namespace

int ProbeFreezer(const char* directory) {
  if (mkdir(directory, 0755) < 0) return -errno;
  const int result = FreezeAndThaw(directory);
  // The child is reaped, but the kernel may take a moment to see the cgroup empty.
  const int removed = Await([&] { return rmdir(directory) == 0 || errno == ENOENT; });
  return result < 0 ? result : removed;
}

}  // namespace godwit

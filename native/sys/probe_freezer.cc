// Probe of the cgroup freezer, version 1 and 2, on a child of our own.
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

/// The words of each version.
struct Freezer {
  const char* order_file;
  const char* freeze;
  const char* thaw;
  const char* state_file;
  const char* frozen;
};
constexpr Freezer kVersion1 = {"/freezer.state", "FROZEN", "THAWED", "/freezer.state", "FROZEN"};
constexpr Freezer kVersion2 = {"/cgroup.freeze", "1", "0", "/cgroup.events", "frozen 1"};

int FreezeAndThaw(const std::string& directory, const Freezer& words) {
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  int result = Write(directory + "/cgroup.procs", std::to_string(child.pid()));
  if (result < 0) return result;
  result = Write(directory + words.order_file, words.freeze);
  if (result == 0) result = Await([&] { return Contains(directory + words.state_file, words.frozen); });
  // Also after a failure: version 1 does not let a frozen task die.
  const int thawed = Write(directory + words.order_file, words.thaw);
  return result < 0 ? result : thawed;
}

}  // namespace

int ProbeFreezer(const char* directory, int version) {
  if (mkdir(directory, 0755) < 0) return -errno;
  const int result = FreezeAndThaw(directory, version == 1 ? kVersion1 : kVersion2);
  // The child is reaped, but the kernel may take a moment to see the cgroup empty.
  const int removed = Await([&] { return rmdir(directory) == 0 || errno == ENOENT; });
  return result < 0 ? result : removed;
}

}  // namespace godwit

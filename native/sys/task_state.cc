#include "sys/task_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

#include "sys/fd.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

std::string_view ReadAt(int directory, const char* path, std::span<char> room) {
  const Fd file(openat(directory, path, O_RDONLY | O_CLOEXEC));
  const ssize_t length = file.valid() ? read(file.get(), room.data(), room.size()) : -1;
  return {room.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

/** /proc/PID/stat and its kin from the state on; empty: it is gone. */
std::string_view StatAt(int directory, const char* path, std::span<char> room) {
  const std::string_view stat = ReadAt(directory, path, room);
  const std::size_t name_end = stat.rfind(") ");
  return name_end == std::string_view::npos ? std::string_view() : stat.substr(name_end + 2);
}

}  // namespace

std::vector<pid_t> ThreadsOf(int directory) {
  const int fd = openat(directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(fd < 0 ? nullptr : fdopendir(fd), closedir);
  std::vector<pid_t> tids;
  if (list == nullptr) return tids;
  while (const dirent* entry = readdir(list.get())) {
    if (const int tid = std::atoi(entry->d_name); tid > 0) tids.push_back(tid);
  }
  return tids;
}

bool Runs(int directory, pid_t tid) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "task/%d/stat", tid);
  std::array<char, 512> room{};
  return StatAt(directory, path.data(), room).starts_with('R');
}

bool IsChildOfOurs(int directory) {
  std::array<char, 512> room{};
  const std::string_view stat = StatAt(directory, "stat", room);
  return stat.size() > 2 && std::atoi(stat.data() + 2) == getpid();
}

bool ChildrenWouldShow(pid_t pid, pid_t tid) {
  if ((IgnoredSignals(pid) & (1ULL << (SIGCHLD - 1))) == 0) return false;
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/children", pid, tid);
  std::array<char, 16> room{};
  return !ReadAt(AT_FDCWD, path.data(), room).empty();
}

}  // namespace godwit

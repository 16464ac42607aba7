#include "keeper/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "sys/fd.h"

namespace godwit {
namespace {

std::int64_t Microseconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

int EmptyFolder(int fd) {
  DIR* folder = fdopendir(fd);
  if (folder == nullptr) return -errno;
  int result = 0;
  while (const dirent* entry = readdir(folder)) {
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    if (unlinkat(dirfd(folder), name, 0) == 0) continue;
    if (errno == EISDIR || errno == EPERM) {
      const int below = openat(dirfd(folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (below >= 0) EmptyFolder(below);
      if (unlinkat(dirfd(folder), name, AT_REMOVEDIR) == 0) continue;
    }
    result = -errno;
  }
  closedir(folder);
  return result;
}

}  // namespace

std::vector<std::string_view> SplitFields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

bool ParseHex(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t at = 0; at + 1 < text.size(); at += 2) {
    unsigned char byte = 0;
    const auto result = std::from_chars(&text[at], &text[at] + 2, byte, 16);
    if (result.ec != std::errc() || result.ptr != &text[at] + 2) return false;
    out.push_back(static_cast<char>(byte));
  }
  return text.size() % 2 == 0 && !text.empty();
}

int WriteFile(const char* path, std::string_view text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return -errno;
  return write(file.get(), text.data(), text.size()) < 0 ? -errno : 0;
}

std::string ReadFile(const char* path) {
  std::string content;
  const Fd file(open(path, O_RDONLY | O_CLOEXEC));
  char block[4096];
  for (;;) {
    const ssize_t got = file.valid() ? read(file.get(), block, sizeof block) : 0;
    if (got <= 0) return content;
    content.append(block, static_cast<std::size_t>(got));
  }
}

void AppendLine(const char* path, std::string_view line) {
  const Fd file(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return;
  const std::string text = std::string(line) + "\n";
  [[maybe_unused]] const ssize_t written = write(file.get(), text.data(), text.size());
}

int RemoveTree(const char* path) {
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  EmptyFolder(fd);
  return rmdir(path) == 0 ? 0 : -errno;
}

std::int64_t RealtimeMs() { return Microseconds(CLOCK_REALTIME) / 1000; }
std::int64_t MonotonicUs() { return Microseconds(CLOCK_MONOTONIC); }

}  // namespace godwit

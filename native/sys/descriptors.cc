#include "sys/descriptors.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "sys/fd.h"

namespace godwit {
namespace {

struct DirectoryCloser {
  void operator()(DIR* dir) const { closedir(dir); }
};

Fd OpenIn(pid_t pid, const char* name) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  return Fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

bool AppendLink(int dir, const char* name, std::string& out) {
  std::array<char, PATH_MAX> link;
  const ssize_t length = readlinkat(dir, name, link.data(), link.size());
  if (length < 0) return false;
  out.append(link.data(), static_cast<std::size_t>(length));
  return true;
}

bool AppendContent(int dir, const char* name, std::string& out) {
  const Fd file(openat(dir, name, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return false;
  std::array<char, 4096> block;
  for (;;) {
    const ssize_t length = read(file.get(), block.data(), block.size());
    if (length < 0) return false;
    if (length == 0) return true;
    out.append(block.data(), static_cast<std::size_t>(length));
    // One page holds all but the longest epolls; the kernel gives whole lines, so a short read is not yet the end.
    if (static_cast<std::size_t>(length) < block.size() / 4) return true;
  }
}

}  // namespace

int ReadDescriptors(pid_t pid, std::string& out) {
  Fd links = OpenIn(pid, "fd");
  if (!links.valid()) return -errno;
  const Fd details = OpenIn(pid, "fdinfo");
  if (!details.valid()) return -errno;
  const int links_fd = links.get();
  const std::unique_ptr<DIR, DirectoryCloser> dir(fdopendir(links_fd));
  if (dir == nullptr) return -errno;
  links.release();
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) return -errno;
    if (entry->d_name[0] == '.') continue;
    const std::size_t begin = out.size();
    out.append(entry->d_name).push_back('\0');
    bool complete = AppendLink(links_fd, entry->d_name, out);
    out.push_back('\0');
    complete = complete && AppendContent(details.get(), entry->d_name, out);
    out.push_back('\0');
    if (!complete) out.resize(begin);
  }
}

}  // namespace godwit

// Probes of what reads, writes and tracks memory.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "sys/fd.h"
#include "sys/pagemap.h"
#include "sys/probe_child.h"
#include "sys/probe_parts.h"
#include "sys/userfault.h"

namespace godwit::probes {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 4;

/// Some touched pages of our own, unmapped at the end of the scope.
class Pages {
 public:
  explicit Pages(int sharing = MAP_PRIVATE)
      : at_(mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0)) {
    if (!valid()) return;
    madvise(at_, kPages * kPage, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < kPages; i++) Touch(i);
  }
  ~Pages() {
    if (valid()) munmap(at_, kPages * kPage);
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  [[nodiscard]] bool valid() const { return at_ != MAP_FAILED; }
  [[nodiscard]] std::uint64_t start() const { return reinterpret_cast<std::uint64_t>(at_); }
  [[nodiscard]] std::uint64_t end() const { return start() + kPages * kPage; }
  void Touch(std::size_t page) { *(static_cast<volatile char*>(at_) + page * kPage) = 1; }

 private:
  void* at_;
};

int SoftDirtyInChild() {
  Pages pages;
  const int clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  const int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (!pages.valid() || clear < 0 || pagemap < 0) return errno;
  if (write(clear, "4", 1) != 1) return errno;
  pages.Touch(2);
  std::uint64_t words[kPages] = {};
  if (PagemapRead(pagemap, pages.start(), kPages, words) != kPages) return EIO;
  for (std::size_t i = 0; i < kPages; i++) {
    if (((words[i] & kPagemapSoftDirty) != 0) != (i == 2)) return ENODATA;
  }
  return 0;
}

// Linux 6.11, include/uapi/linux/fs.h; the headers that this is built with may be older.
struct ProcmapQueryArguments {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t query_addr;
  std::uint64_t vma_start;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t vma_page_size;
  std::uint64_t vma_offset;
  std::uint64_t inode;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint32_t vma_name_size;
  std::uint32_t build_id_size;
  std::uint64_t vma_name_addr;
  std::uint64_t build_id_addr;
};
static_assert(sizeof(ProcmapQueryArguments) == 104);
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, ProcmapQueryArguments);

volatile std::uint64_t remote_word = 0;

}  // namespace

int PagemapScanWorks() {
  Pages pages;
  const Fd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pages.valid() || !pagemap.valid()) return -errno;
  PageRegion region = {};
  const ScanQuery query = {.required = kPageIsPresent, .returned = kPageIsPresent};
  const ScanResult found = PagemapScan(pagemap.get(), pages.start(), pages.end(), query, &region, 1);
  if (found.count < 0) return static_cast<int>(found.count);
  return found.count == 1 && region.start == pages.start() && region.end == pages.end() ? 0 : -ENODATA;
}

int UserfaultfdWpAsync() {
  constexpr std::uint64_t kWpUnpopulated = 1 << 13;
  constexpr std::uint64_t kWpAsync = 1 << 15;
  const Fd uffd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY)));
  if (!uffd.valid()) return -errno;
  const int api = UffdApi(uffd.get(), kWpAsync | kWpUnpopulated);
  if (api < 0) return api;
  Pages pages;
  const Fd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pages.valid() || !pagemap.valid()) return -errno;
  const int registered = UffdRegisterWp(uffd.get(), pages.start(), pages.end() - pages.start());
  if (registered < 0) return registered;
  PageRegion regions[kPages] = {};
  const ScanQuery query = {.protect = true, .required = kPageIsWritten, .returned = kPageIsWritten};
  const auto scan = [&] {
    return PagemapScan(pagemap.get(), pages.start(), pages.end(), query, regions, kPages).count;
  };
  const auto first = scan();
  if (first < 0) return static_cast<int>(first);
  pages.Touch(2);
  const auto second = scan();
  if (second < 0) return static_cast<int>(second);
  const bool exact = second == 1 && regions[0].start == pages.start() + 2 * kPage &&
                     regions[0].end == pages.start() + 3 * kPage;
  return exact ? 0 : -ENODATA;
}

int SoftDirty() { return InChild(SoftDirtyInChild); }

int ProcmapQuery() {
  Pages pages;
  const Fd maps(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!pages.valid() || !maps.valid()) return -errno;
  ProcmapQueryArguments query = {};
  query.size = sizeof(query);
  query.query_addr = pages.start();
  if (ioctl(maps.get(), kProcmapQuery, &query) < 0) return -errno;
  return query.vma_start <= pages.start() && query.vma_end >= pages.end() ? 0 : -ENODATA;
}

int ProcessVm() {
  remote_word = 1;
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  std::uint64_t word = 0;
  iovec here = {&word, sizeof(word)};
  iovec there = {const_cast<std::uint64_t*>(&remote_word), sizeof(word)};
  remote_word = 2;  // ours, not the child's
  if (process_vm_readv(child.pid(), &here, 1, &there, 1, 0) < 0) return -errno;
  if (word != 1) return -ENODATA;
  return process_vm_writev(child.pid(), &here, 1, &there, 1, 0) < 0 ? -errno : 0;
}

int MapFiles() {
  const Pages pages(MAP_SHARED);
  if (!pages.valid()) return -errno;
  char path[80];
  snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", pages.start(), pages.end());
  const Fd fd(open(path, O_RDWR | O_CLOEXEC));
  return fd.valid() ? 0 : -errno;
}

int PageFrames() {
  const Pages pages;
  const Fd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pages.valid() || !pagemap.valid()) return -errno;
  std::uint64_t word = 0;
  if (PagemapRead(pagemap.get(), pages.start(), 1, &word) != 1) return -EIO;
  return (word & kPagemapFrame) != 0 ? 0 : -EPERM;
}

int GuardRegions() {
  constexpr int kMadvGuardInstall = 102;
  const Pages pages;
  if (!pages.valid()) return -errno;
  return madvise(reinterpret_cast<void*>(pages.start()), kPage, kMadvGuardInstall) < 0 ? -errno : 0;
}

int Mseal() {
  constexpr long kMseal = 462;
  // Of no bytes: nothing is sealed.
  return syscall(kMseal, 0UL, 0UL, 0UL) < 0 ? -errno : 0;
}

}  // namespace godwit::probes

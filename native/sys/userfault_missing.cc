#include "sys/userfault_missing.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include <cerrno>

namespace godwit {
namespace {

/// What was done before an error counts: the kernel tells it in the structure, and fails with EAGAIN.
ssize_t DoneOr(int result, int64_t done) {
  if (result == 0 || done > 0) return static_cast<ssize_t>(done);
  return -errno;
}

}  // namespace

int UffdRegisterMissing(int fd, uint64_t start, uint64_t length) {
  uffdio_register reg = {};
  reg.range = {.start = start, .len = length};
  reg.mode = UFFDIO_REGISTER_MODE_MISSING;
  return ioctl(fd, UFFDIO_REGISTER, &reg) < 0 ? -errno : 0;
}

ssize_t UffdCopy(int fd, uint64_t to, const void* from, uint64_t length) {
  uffdio_copy copy = {};
  copy.dst = to;
  copy.src = reinterpret_cast<uint64_t>(from);
  copy.len = length;
  const int result = ioctl(fd, UFFDIO_COPY, &copy);
  return DoneOr(result, copy.copy);
}

ssize_t UffdZero(int fd, uint64_t start, uint64_t length) {
  uffdio_zeropage zero = {};
  zero.range = {.start = start, .len = length};
  const int result = ioctl(fd, UFFDIO_ZEROPAGE, &zero);
  return DoneOr(result, zero.zeropage);
}

void UffdWake(int fd, uint64_t start, uint64_t length) {
  uffdio_range range = {.start = start, .len = length};
  ioctl(fd, UFFDIO_WAKE, &range);
}

}  // namespace godwit

#include "sys/pages.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "sys/pages_transfer.h"

namespace godwit {

ssize_t ReadMemory(pid_t pid, const double* runs, size_t count, uint8_t* out, size_t size) {
  return MoveRuns(process_vm_readv, pid, runs, count, 0, out, size);
}

ssize_t WriteMemory(pid_t pid, const double* runs, size_t count, const uint8_t* data, size_t size) {
  return MoveRuns(process_vm_writev, pid, runs, count, 0, const_cast<uint8_t*>(data), size);
}

ssize_t ReadMem(int fd, uint64_t address, uint8_t* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = pread(fd, out + done, size - done, static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && done == 0) return -errno;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

ssize_t WriteMem(int fd, uint64_t address, const uint8_t* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t put = pwrite(fd, data + done, size - done, static_cast<off_t>(address + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && done == 0) return -errno;
    if (put <= 0) break;
    done += static_cast<size_t>(put);
  }
  return static_cast<ssize_t>(done);
}

int PunchHole(int fd, uint64_t offset, uint64_t length) {
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return fallocate(fd, mode, static_cast<off_t>(offset), static_cast<off_t>(length)) < 0 ? -errno : 0;
}

int SeekData(int fd, uint64_t offset, uint64_t* start, uint64_t* end) {
  const off_t data = lseek(fd, static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0) return -errno;
  const off_t hole = lseek(fd, data, SEEK_HOLE);
  if (hole < 0) return -errno;
  *start = static_cast<uint64_t>(data);
  *end = static_cast<uint64_t>(hole);
  return 0;
}

}  // namespace godwit

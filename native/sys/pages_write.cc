#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "sys/hash.h"
#include "sys/pages.h"
#include "sys/pages_transfer.h"

namespace godwit {
namespace {

size_t Total(const double* runs, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) total += RunLength(runs, i);
  return total;
}

int WriteWhole(pid_t pid, int mem_fd, RunWalk& walk, const uint8_t* data, size_t size, uint64_t* failed) {
  for (size_t done = 0; done < size;) {
    auto* from = const_cast<uint8_t*>(data + done);  // process_vm_writev only reads it
    ssize_t put =
        MoveRuns(process_vm_writev, pid, walk.rest(), walk.rest_count(), walk.skip(), from, size - done);
    if (put == -EFAULT || put == 0) {
      put = WriteMem(mem_fd, walk.address(), from,
                     std::min<size_t>(size - done, kPageSize - walk.address() % kPageSize));
    }
    if (put <= 0) {
      *failed = walk.address();
      return put == 0 ? -EIO : static_cast<int>(put);
    }
    walk.Advance(static_cast<size_t>(put));
    done += static_cast<size_t>(put);
  }
  return 0;
}

}  // namespace

int WritePages(pid_t pid, int mem_fd, const double* runs, size_t count, const uint8_t* data,
               uint64_t* failed) {
  RunWalk walk(runs, count);
  return WriteWhole(pid, mem_fd, walk, data, Total(runs, count), failed);
}

ssize_t WriteDifferent(pid_t pid, int mem_fd, const double* runs, size_t count, const uint8_t* data,
                       uint64_t* failed) {
  constexpr size_t kChunk = 64 * kPageSize;
  static const uint8_t zeros[kPageSize] = {};
  static thread_local std::vector<uint8_t> old(kChunk);
  std::array<uint8_t, kChunk / kPageSize> gone;
  ssize_t written = 0;
  size_t done = 0;
  for (size_t i = 0; i < count; i++) {
    for (uint64_t at = RunStart(runs, i); at < RunStart(runs, i) + RunLength(runs, i);) {
      const size_t size = std::min<size_t>(kChunk, RunStart(runs, i) + RunLength(runs, i) - at);
      const double chunk[2] = {static_cast<double>(at), static_cast<double>(size)};
      gone.fill(0);
      const int error = ReadAllRuns(pid, mem_fd, -1, chunk, 1, old.data(), size, gone.data());
      *failed = at;
      if (error < 0) return error;
      for (size_t page = 0; page < size; page += kPageSize) {
        const uint8_t* wanted = data == nullptr ? zeros : data + done + page;
        if (gone[page / kPageSize] == 0 && memcmp(old.data() + page, wanted, kPageSize) == 0) continue;
        const double one[2] = {static_cast<double>(at + page), kPageSize};
        const int rc = WritePages(pid, mem_fd, one, 1, wanted, failed);
        if (rc < 0) return rc;
        written++;
      }
      at += size;
      done += size;
    }
  }
  return written;
}

}  // namespace godwit

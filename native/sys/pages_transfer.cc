#include "sys/pages_transfer.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/hash.h"
#include "sys/pages.h"

namespace godwit {
namespace {

constexpr size_t kMaxIov = 1024;  // IOV_MAX

}  // namespace

ssize_t MoveRuns(Transfer transfer, pid_t pid, const double* runs, size_t count, size_t skip, uint8_t* local,
                 size_t size) {
  static thread_local std::array<iovec, kMaxIov> remote;
  size_t done = 0;
  for (size_t i = 0; i < count && done < size;) {
    size_t used = 0, batch = 0;
    while (i < count && used < kMaxIov && done + batch < size) {
      const size_t length = std::min<size_t>(RunLength(runs, i) - skip, size - done - batch);
      remote[used++] = {.iov_base = reinterpret_cast<void*>(RunStart(runs, i) + skip), .iov_len = length};
      batch += length;
      i++;
      skip = 0;
    }
    const iovec here = {.iov_base = local + done, .iov_len = batch};
    const ssize_t moved = transfer(pid, &here, 1, remote.data(), used, 0);
    if (moved < 0) return done > 0 ? static_cast<ssize_t>(done) : -errno;
    done += static_cast<size_t>(moved);
    if (static_cast<size_t>(moved) < batch) break;  // the page behind it faulted
  }
  return static_cast<ssize_t>(done);
}

int ReadAllRuns(pid_t pid, int mem_fd, const double* runs, size_t count, uint8_t* out, size_t size,
                uint8_t* gone) {
  RunWalk walk(runs, count);
  for (size_t done = 0; done < size;) {
    ssize_t got =
        MoveRuns(process_vm_readv, pid, walk.rest(), walk.rest_count(), walk.skip(), out + done, size - done);
    if (got == -ESRCH || got == -EPERM) return static_cast<int>(got);
    if (got <= 0)
      got = ReadMem(mem_fd, walk.address(), out + done, std::min(walk.left_in_run(), size - done));
    if (got > 0) got &= ~static_cast<ssize_t>(kPageSize - 1);
    if (got <= 0) {
      gone[done / kPageSize] = 1;
      got = kPageSize;
    }
    walk.Advance(static_cast<size_t>(got));
    done += static_cast<size_t>(got);
  }
  return 0;
}

}  // namespace godwit

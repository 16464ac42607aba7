// What copying into and out of another process shares; used by pages*.cc alone.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace godwit {

inline uint64_t RunStart(const double* runs, size_t i) { return static_cast<uint64_t>(runs[2 * i]); }
inline uint64_t RunLength(const double* runs, size_t i) { return static_cast<uint64_t>(runs[2 * i + 1]); }

using Transfer = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

/// Moves the runs in as few calls as possible, from byte `skip` of the first run on; `local` is contiguous. Returns bytes,
/// fewer when the page behind them faulted, or -errno when none was moved.
ssize_t MoveRuns(Transfer transfer, pid_t pid, const double* runs, size_t count, size_t skip, uint8_t* local,
                 size_t size);

/// Reads all runs into `out`; gone[i] = 1 for pages that cannot be read. 0 or -errno when the process is gone. What is shared by
/// copy-on-write stays shared: `pagemap_fd` tells what that is, -1 means that all may be.
int ReadAllRuns(pid_t pid, int mem_fd, int pagemap_fd, const double* runs, size_t count, uint8_t* out,
                size_t size, uint8_t* gone);

/// Walks runs by bytes, for those who must stop and go on in the middle of one.
class RunWalk {
 public:
  RunWalk(const double* runs, size_t count) : runs_(runs), count_(count) {}
  bool end() const { return run_ == count_; }
  uint64_t address() const { return RunStart(runs_, run_) + skip_; }
  size_t left_in_run() const { return RunLength(runs_, run_) - skip_; }
  const double* rest() const { return runs_ + 2 * run_; }
  size_t rest_count() const { return count_ - run_; }
  size_t skip() const { return skip_; }
  size_t run() const { return run_; }
  void Advance(size_t bytes) {
    while (run_ < count_ && bytes >= RunLength(runs_, run_) - skip_) {
      bytes -= RunLength(runs_, run_) - skip_;
      run_++;
      skip_ = 0;
    }
    if (run_ < count_) skip_ += bytes;
  }

 private:
  const double* runs_;
  size_t count_;
  size_t run_ = 0;
  size_t skip_ = 0;
};

}  // namespace godwit

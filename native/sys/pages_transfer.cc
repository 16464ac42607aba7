#include "sys/pages_transfer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "sys/hash.h"
#include "sys/pages.h"

namespace godwit {
namespace {

constexpr size_t kMaxIov = 1024;  // IOV_MAX
constexpr size_t kWords = 4096;   // of pagemap, read at once
constexpr uint64_t kMaxGap =
    64;  // pages between two runs whose words are read at once: a call costs about as much

// process_vm_readv pins what it reads, and what is pinned must be the process's own: a page that is shared by copy-on-write is
// copied first (mm/gup.c, gup_must_unshare; Linux 5.19). A tree of n processes would grow to n times its size by being read, and
// the frames that tell what is shared would differ. /proc/PID/mem pins nothing; it is slower (4 against 10 GB/s).
bool IsShared(uint64_t word) {
  if ((word & kPagemapSwap) != 0) return true;  // a swap entry tells nothing
  return (word & kPagemapPresent) != 0 && (word & (kPagemapFile | kPagemapExclusive)) == 0;
}

// Runs cut where pages change from shared to not shared.
class Pieces {
 public:
  void Cut(int pagemap_fd, const double* runs, size_t count) {
    runs_.clear();
    shared_.clear();
    window_start_ = window_end_ = 0;
    for (size_t i = 0; i < count; i++) {
      const uint64_t end = RunStart(runs, i) + RunLength(runs, i);
      for (uint64_t at = RunStart(runs, i); at < end;) {
        if (pagemap_fd < 0) {
          Add(at, end, true);
          break;
        }
        if (at < window_start_ || at >= window_end_) Look(pagemap_fd, runs, count, i, at);
        const bool shared = Shared(at);
        uint64_t to = at + kPageSize;
        while (to < end && to < window_end_ && Shared(to) == shared) to += kPageSize;
        Add(at, to, shared);
        at = to;
      }
    }
  }
  const double* runs() const { return runs_.data(); }
  size_t count() const { return shared_.size(); }
  // How many pieces from `first` on are not shared.
  size_t OwnFrom(size_t first) const {
    size_t last = first;
    while (last < shared_.size() && !shared_[last]) last++;
    return last - first;
  }

 private:
  void Add(uint64_t start, uint64_t end, bool shared) {
    runs_.push_back(static_cast<double>(start));
    runs_.push_back(static_cast<double>(end - start));
    shared_.push_back(shared);
  }
  bool Shared(uint64_t at) const { return IsShared(words_[(at - window_start_) / kPageSize]); }

  // Words from `at` in run `i` on, also of the runs close behind it.
  void Look(int pagemap_fd, const double* runs, size_t count, size_t i, uint64_t at) {
    uint64_t end = RunStart(runs, i) + RunLength(runs, i);
    for (size_t next = i + 1; next < count && end - at < kWords * kPageSize; next++) {
      const uint64_t start = RunStart(runs, next);
      if (start < end || start - end > kMaxGap * kPageSize) break;
      end = start + RunLength(runs, next);
    }
    const size_t wanted = std::min<uint64_t>(kWords, (end - at + kPageSize - 1) / kPageSize);
    const ssize_t got = PagemapRead(pagemap_fd, at, wanted, words_.data());
    // Where nothing can be told the process is gone: reading it says so.
    for (size_t word = got < 0 ? 0 : static_cast<size_t>(got); word < wanted; word++) words_[word] = 0;
    window_start_ = at;
    window_end_ = at + wanted * kPageSize;
  }

  std::vector<double> runs_;
  std::vector<bool> shared_;
  std::array<uint64_t, kWords> words_;
  uint64_t window_start_ = 0, window_end_ = 0;
};

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

int ReadAllRuns(pid_t pid, int mem_fd, int pagemap_fd, const double* runs, size_t count, uint8_t* out,
                size_t size, uint8_t* gone) {
  static thread_local Pieces pieces;
  pieces.Cut(pagemap_fd, runs, count);
  RunWalk walk(pieces.runs(), pieces.count());
  for (size_t done = 0; done < size;) {
    const size_t alone = pieces.OwnFrom(walk.run());
    ssize_t got = 0;
    if (alone > 0)
      got = MoveRuns(process_vm_readv, pid, walk.rest(), alone, walk.skip(), out + done, size - done);
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

#include "sys/pagemap.h"

#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sys/hash.h"
#include "sys/pagemap_zero.h"

namespace godwit {
namespace {

struct PmScanArg {  // struct pm_scan_arg of linux/fs.h (6.7)
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
constexpr unsigned long kPagemapScan = _IOWR('f', 16, PmScanArg);
constexpr uint64_t kScanWpMatching = 1;

constexpr size_t kWords = 4096;       // classic words read at once: 32 KiB
constexpr uint64_t kSpan = 16 << 20;  // bytes that one scan inside OwnedRuns covers, about
constexpr size_t kRegions = 1024;     // regions of one scan inside OwnedRuns
// Swap type of a PTE marker: no page behind it, only a note of the kernel (include/linux/swapops.h).
constexpr uint64_t kSwapMarker = 0x1f;
constexpr int kSwapTypeBits = 5;
constexpr uint64_t kGuardMarker = 1 << 2;  // PTE_MARKER_GUARD

// Two ranges are looked at by one scan when less than this lies between them: a call costs about as much as that many pages.
uint64_t SpanGap(OwnedMethod method) {
  return (method == OwnedMethod::kScanAnonymous ? uint64_t{48} : uint64_t{16}) * kPageSize;
}

uint64_t RangeStart(const double* ranges, size_t i) { return static_cast<uint64_t>(ranges[2 * i]); }
uint64_t RangeEnd(const double* ranges, size_t i) {
  return RangeStart(ranges, i) + static_cast<uint64_t>(ranges[2 * i + 1]);
}

// Adds the owned pages of [start, end) by their classic words. Returns the address reached, `end` when all are done.
ssize_t AddByWords(int fd, uint64_t start, uint64_t end, Hidden hidden, RunWriter& out, uint64_t* reached) {
  static thread_local uint64_t words[kWords];
  for (uint64_t at = start; at < end;) {
    const ssize_t got = PagemapRead(fd, at, std::min<uint64_t>(kWords, (end - at) / kPageSize), words);
    if (got <= 0) return got < 0 ? got : -ESRCH;
    for (ssize_t i = 0; i < got; i++, at += kPageSize) {
      if (!IsOwnedWord(words[i], hidden)) continue;
      if (!out.Add(at, at + kPageSize)) {
        *reached = at;
        return 0;
      }
    }
  }
  *reached = end;
  return 0;
}

// The part of ranges[first..] that one span covers, cut out of what the scan of the span reported.
class SpanScan {
 public:
  SpanScan(int fd, const double* ranges, size_t count, OwnedMethod method, Hidden hidden, OwnedCursor& cursor)
      : fd_(fd), ranges_(ranges), count_(count), method_(method), hidden_(hidden), cursor_(cursor) {}

  // Scans one span from the cursor on. Returns 0 (cursor moved), 1 (no room left, cursor at the place), or -errno.
  int Run(RunWriter& out) {
    const uint64_t start = cursor_.address != 0 ? cursor_.address : RangeStart(ranges_, cursor_.range);
    uint64_t end = RangeEnd(ranges_, cursor_.range);
    size_t last = cursor_.range;
    // A span ends somewhere: what is behind a full `out` is looked at again by the next call.
    while (last + 1 < count_ && RangeStart(ranges_, last + 1) >= end && end - start < kSpan &&
           RangeStart(ranges_, last + 1) - end < SpanGap(method_)) {
      end = RangeEnd(ranges_, ++last);
    }
    static thread_local PageRegion regions[kRegions];
    const bool file = method_ == OwnedMethod::kScanFile;
    const uint64_t unwanted = kPageIsPfnZero | (file ? kPageIsFile : 0);
    const ScanQuery query = {.required = unwanted,
                             .any_of = kPageIsPresent | kPageIsSwapped,
                             .inverted = unwanted,
                             .returned = kPageIsPresent | kPageIsSwapped};
    const ScanResult got = PagemapScan(fd_, start, end, query, regions, kRegions);
    if (got.count < 0) return static_cast<int>(got.count);
    const auto by_address = [](const PageRegion& a, const PageRegion& b) { return a.start < b.start; };
    if (!std::is_sorted(regions, regions + got.count, by_address))
      std::sort(regions, regions + got.count, by_address);
    for (ssize_t i = 0; i < got.count; i++) {
      const int rc = Cut(regions[i], std::max(start, regions[i].start), out);
      if (rc != 0) return rc;
    }
    MoveTo(got.next == 0 ? end : got.next);
    if (got.next == 0) {  // all ranges up to `last` are done, also when nothing was found behind the cursor
      cursor_.range = last + 1;
      cursor_.address = 0;
    }
    return 0;
  }

 private:
  // Adds what lies both in the region (from `at`) and in the ranges from the cursor on.
  int Cut(const PageRegion& region, uint64_t at, RunWriter& out) {
    MoveTo(at);
    while (cursor_.range < count_) {
      const uint64_t from = std::max({at, RangeStart(ranges_, cursor_.range), cursor_.address});
      if (from >= region.end) return 0;
      const uint64_t to = std::min(region.end, RangeEnd(ranges_, cursor_.range));
      uint64_t reached = to;
      if ((region.categories & kPageIsSwapped) !=
          0) {  // markers read as swapped; only the classic word tells them apart
        const ssize_t rc = AddByWords(fd_, from, to, hidden_, out, &reached);
        if (rc < 0) return static_cast<int>(rc);
      } else if (!out.Add(from, to)) {
        reached = from;
      }
      if (reached != to) {
        cursor_.address = reached;
        return 1;
      }
      MoveTo(to);
    }
    return 0;
  }

  void MoveTo(uint64_t address) {
    while (cursor_.range < count_ && RangeEnd(ranges_, cursor_.range) <= address) cursor_.range++;
    cursor_.address = cursor_.range < count_ && RangeStart(ranges_, cursor_.range) < address ? address : 0;
  }

  int fd_;
  const double* ranges_;
  size_t count_;
  OwnedMethod method_;
  Hidden hidden_;
  OwnedCursor& cursor_;
};

}  // namespace

ScanResult PagemapScan(int fd, uint64_t start, uint64_t end, const ScanQuery& query, PageRegion* out,
                       size_t capacity) {
  PmScanArg arg = {};
  arg.size = sizeof arg;
  arg.flags = query.protect ? kScanWpMatching : 0;
  arg.start = start;
  arg.end = end;
  arg.vec = reinterpret_cast<uintptr_t>(out);
  arg.vec_len = capacity;
  arg.max_pages = query.max_pages;
  arg.category_inverted = query.inverted;
  arg.category_mask = query.required;
  arg.category_anyof_mask = query.any_of;
  arg.return_mask = query.returned;
  const int got = ioctl(fd, kPagemapScan, &arg);
  if (got < 0) return {.count = -errno, .next = start};
  const bool full = static_cast<size_t>(got) == capacity && arg.walk_end < end;
  return {.count = got, .next = full ? arg.walk_end : 0};
}

ssize_t PagemapRead(int fd, uint64_t start, size_t count, uint64_t* out) {
  const ssize_t got =
      pread(fd, out, count * sizeof *out, static_cast<off_t>(start / kPageSize * sizeof *out));
  return got < 0 ? -errno : got / static_cast<ssize_t>(sizeof *out);
}

bool RunWriter::Add(uint64_t start, uint64_t end) {
  if (count_ > 0 && out_[2 * count_ - 2] + out_[2 * count_ - 1] == static_cast<double>(start)) {
    out_[2 * count_ - 1] += static_cast<double>(end - start);
    return true;
  }
  if (count_ == capacity_) return false;
  out_[2 * count_] = static_cast<double>(start);
  out_[2 * count_ + 1] = static_cast<double>(end - start);
  count_++;
  return true;
}

bool IsOwnedWord(uint64_t word, Hidden hidden) {
  if ((word & kPagemapFile) != 0) return false;
  if ((word & kPagemapPresent) != 0) return !IsZeroFrame(word & kPagemapFrame);
  if ((word & kPagemapSwap) == 0 || (word & kPagemapGuard) != 0) return false;
  // No swapped page has type and offset 0: the first slot of a swap space is its header.
  if ((word & kPagemapFrame) == 0) return hidden == Hidden::kCounts;
  return (word & kSwapMarker) != kSwapMarker;
}

bool IsGuardWord(uint64_t word) {
  const uint64_t entry = word & kPagemapFrame;
  if ((word & (kPagemapPresent | kPagemapSwap)) != kPagemapSwap) return false;
  return (word & kPagemapGuard) != 0 || entry == (kGuardMarker << kSwapTypeBits | kSwapMarker);
}

ssize_t OwnedRuns(int fd, const double* ranges, size_t count, OwnedMethod method, Hidden hidden,
                  RunWriter& out, OwnedCursor& cursor) {
  if (method == OwnedMethod::kScanAnonymous || method == OwnedMethod::kScanFile) {
    SpanScan scan(fd, ranges, count, method, hidden, cursor);
    while (cursor.range < count) {
      const int rc = scan.Run(out);
      if (rc < 0) return rc;
      if (rc > 0) break;
    }
    return static_cast<ssize_t>(out.count());
  }
  LearnZeroFrames();
  while (cursor.range < count) {
    const uint64_t start = std::max(cursor.address, RangeStart(ranges, cursor.range));
    const uint64_t end = RangeEnd(ranges, cursor.range);
    uint64_t reached = end;
    const ssize_t rc = AddByWords(fd, start, end, hidden, out, &reached);
    if (rc < 0) return rc;
    cursor.address = reached == end ? 0 : reached;
    if (reached != end) break;
    cursor.range++;
  }
  return static_cast<ssize_t>(out.count());
}

ssize_t PagemapRuns(int fd, uint64_t start, uint64_t end, uint64_t all, uint64_t any, uint64_t none,
                    RunWriter& out, uint64_t* next) {
  static thread_local uint64_t words[kWords];
  for (uint64_t at = start; at < end;) {
    const ssize_t got = PagemapRead(fd, at, std::min<uint64_t>(kWords, (end - at) / kPageSize), words);
    if (got < 0) return got;
    if (got == 0) break;  // past the end of the address space, or it is gone
    for (ssize_t i = 0; i < got; i++, at += kPageSize) {
      if ((words[i] & all) != all || (words[i] & none) != 0 || (any != 0 && (words[i] & any) == 0)) continue;
      if (!out.Add(at, at + kPageSize)) {
        *next = at;
        return static_cast<ssize_t>(out.count());
      }
    }
  }
  *next = 0;
  return static_cast<ssize_t>(out.count());
}

ssize_t SameFrames(int fd_a, int fd_b, const double* ranges, size_t count, RunWriter& out,
                   OwnedCursor& cursor) {
  static thread_local uint64_t a[kWords], b[kWords];
  for (; cursor.range < count; cursor.range++, cursor.address = 0) {
    const uint64_t end = RangeEnd(ranges, cursor.range);
    for (uint64_t at = std::max(cursor.address, RangeStart(ranges, cursor.range)); at < end;) {
      const size_t want = std::min<uint64_t>(kWords, (end - at) / kPageSize);
      const ssize_t got_a = PagemapRead(fd_a, at, want, a);
      const ssize_t got_b = PagemapRead(fd_b, at, want, b);
      if (got_a <= 0 || got_b <= 0) return got_a < 0 ? got_a : got_b < 0 ? got_b : -ESRCH;
      for (ssize_t i = 0; i < std::min(got_a, got_b); i++, at += kPageSize) {
        const bool present = (a[i] & b[i] & kPagemapPresent) != 0 && ((a[i] | b[i]) & kPagemapFile) == 0;
        if (!present || (a[i] & kPagemapFrame) == 0 || ((a[i] ^ b[i]) & kPagemapFrame) != 0) continue;
        if (!out.Add(at, at + kPageSize)) {
          cursor.address = at;
          return static_cast<ssize_t>(out.count());
        }
      }
    }
  }
  return static_cast<ssize_t>(out.count());
}

}  // namespace godwit

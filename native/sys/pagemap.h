// Page tables of another process: the PAGEMAP_SCAN ioctl (Linux 6.7) and the classic words of /proc/PID/pagemap
// (Documentation/admin-guide/mm/pagemap.rst). Works on running processes; never faults a page in. No policy.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace godwit {

// Categories of PAGEMAP_SCAN (linux/fs.h of 6.7; declared here because older headers lack them).
inline constexpr uint64_t kPageIsWpAllowed = 1 << 0;
inline constexpr uint64_t kPageIsWritten = 1 << 1;
inline constexpr uint64_t kPageIsFile = 1 << 2;
inline constexpr uint64_t kPageIsPresent = 1 << 3;
inline constexpr uint64_t kPageIsSwapped = 1 << 4;
inline constexpr uint64_t kPageIsPfnZero = 1 << 5;
inline constexpr uint64_t kPageIsGuard = 1 << 8;  // Linux 6.15

// Bits of a classic pagemap word.
inline constexpr uint64_t kPagemapFrame = (uint64_t{1} << 55) - 1;
inline constexpr uint64_t kPagemapSoftDirty = uint64_t{1} << 55;
inline constexpr uint64_t kPagemapExclusive = uint64_t{1} << 56;  // nobody else maps it
inline constexpr uint64_t kPagemapGuard = uint64_t{1} << 58;      // Linux 6.15
inline constexpr uint64_t kPagemapFile = uint64_t{1} << 61;
inline constexpr uint64_t kPagemapSwap = uint64_t{1} << 62;
inline constexpr uint64_t kPagemapPresent = uint64_t{1} << 63;

struct PageRegion {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};

struct ScanQuery {
  bool protect = false;    // PM_SCAN_WP_MATCHING: write-protect what is reported, in the same step
  uint64_t required = 0;   // category_mask
  uint64_t any_of = 0;     // category_anyof_mask
  uint64_t inverted = 0;   // category_inverted
  uint64_t returned = 0;   // return_mask
  uint64_t max_pages = 0;  // 0: no limit
};

struct ScanResult {
  ssize_t count;  // regions, or -errno (ESRCH: the address space is gone)
  uint64_t next;  // where to go on, 0 when complete
};

/// One PAGEMAP_SCAN of [start, end). Complete means fewer regions than fit: the kernel's walk_end is wrong then, and
/// right only when the vector is full. CHECK_WPASYNC is never set: it loses reports on a running process.
ScanResult PagemapScan(int fd, uint64_t start, uint64_t end, const ScanQuery& query, PageRegion* out,
                       size_t capacity);

/// Reads classic words. Returns how many, fewer at the end of the address space (0: it is gone), or -errno.
ssize_t PagemapRead(int fd, uint64_t start, size_t count, uint64_t* out);

/// Pairs [start, length] that the caller owns; runs that touch are joined.
class RunWriter {
 public:
  RunWriter(double* out, size_t capacity) : out_(out), capacity_(capacity) {}
  /// False when there is no room left; nothing was written then.
  bool Add(uint64_t start, uint64_t end);
  size_t count() const { return count_; }

 private:
  double* out_;
  size_t capacity_;
  size_t count_ = 0;
};

enum class OwnedMethod : int {
  kScanAnonymous = 0,  // PAGEMAP_SCAN in mappings without a file: cheap, looks up no struct page
  kScanFile = 1,       // PAGEMAP_SCAN in private file mappings: 25-60 ns a page
  kClassic = 2,        // /proc/PID/pagemap, 33 ns a page, any kernel; needs CAP_SYS_ADMIN to know zero pages
};

/// Without CAP_SYS_ADMIN over the host a classic word does not show what is not present: a page in swap space, a page that the kernel
/// moves to another frame just now (migration entry), or a mere note (pte_marker of linux/swapops.h).
enum class Hidden : int {
  kCounts = 0,  // it may be a page
  kProven = 1,  // only what is certain counts
};

struct OwnedCursor {
  size_t range = 0;
  uint64_t address = 0;  // 0: the range's start
};

/// Runs of pages that the process owns inside sorted ranges: present or really swapped, no clean page of a file, not
/// the zero page. Goes on from `cursor`, which ends at `count` ranges when complete. Returns runs, or -errno.
ssize_t OwnedRuns(int fd, const double* ranges, size_t count, OwnedMethod method, Hidden hidden,
                  RunWriter& out, OwnedCursor& cursor);

/// True if a classic word is a page the process owns, in the sense of OwnedRuns.
bool IsOwnedWord(uint64_t word, Hidden hidden = Hidden::kCounts);

/// True if a classic word is a guard (MADV_GUARD_INSTALL, Linux 6.13): touching the page ends the process by SIGSEGV.
bool IsGuardWord(uint64_t word);

/// Runs in [start, end) whose classic word has all bits of `all`, one of `any` (0: do not care) and none of `none`.
/// `*next` is where to go on, 0 when complete. Returns runs or -errno.
ssize_t PagemapRuns(int fd, uint64_t start, uint64_t end, uint64_t all, uint64_t any, uint64_t none,
                    RunWriter& out, uint64_t* next);

/// Runs where both address spaces map the same page frame (CAP_SYS_ADMIN; without it frames read as 0 and nothing is
/// the same). Goes on and ends as OwnedRuns.
ssize_t SameFrames(int fd_a, int fd_b, const double* ranges, size_t count, RunWriter& out,
                   OwnedCursor& cursor);

}  // namespace godwit

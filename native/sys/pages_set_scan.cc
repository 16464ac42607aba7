// What the page tables of another process add to a set of pages.
#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "sys/hash.h"
#include "sys/pagemap_zero.h"
#include "sys/pages_set.h"
#include "sys/parallel.h"

namespace godwit {
namespace {

constexpr uint64_t kBlockSize = 2 << 20;
// A walk over less than the first takes hardly longer than to start threads (0.4 ms per GiB). And an address space of terabytes, of which hardly anything
// is there, is no more than so many pieces.
constexpr uint64_t kWorthThreads = 256 << 20;
constexpr uint64_t kLeastPiece = 128 << 20;
constexpr uint64_t kMostPieces = 256;
constexpr size_t kRangesOfPiece = 256;  // a look at one takes 1 us

// Ranges cut into pieces of one length, so that threads have the same share of them: [start, end) each.
std::vector<std::pair<uint64_t, uint64_t>> Pieces(const double* ranges, size_t count, uint64_t length) {
  std::vector<std::pair<uint64_t, uint64_t>> pieces;
  for (size_t i = 0; i < count; i++) {
    const auto start = static_cast<uint64_t>(ranges[2 * i]);
    const uint64_t end = start + static_cast<uint64_t>(ranges[2 * i + 1]);
    // Many ranges next to each other, as a program's libraries are, are one piece.
    if (!pieces.empty() && start >= pieces.back().first && end - pieces.back().first <= length) {
      pieces.back().second = std::max(end, pieces.back().second);
      continue;
    }
    for (uint64_t at = start; at < end; at += length) pieces.emplace_back(at, std::min(end, at + length));
  }
  return pieces;
}

}  // namespace

template <typename Visit>
int PageSet::ScanAll(int pagemap_fd, const ScanQuery& query, Visit visit) {
  constexpr uint64_t kUserEnd = 0x7fff'ffff'f000;
  return Scan(pagemap_fd, 0, kUserEnd, query, visit);
}

template <typename Visit>
int PageSet::Scan(int pagemap_fd, uint64_t start, uint64_t end, const ScanQuery& query, Visit visit) {
  constexpr size_t kRegions = 2048;
  static thread_local PageRegion regions[kRegions];
  for (uint64_t at = start;;) {
    const ScanResult got = PagemapScan(pagemap_fd, at, end, query, regions, kRegions);
    if (got.count < 0) return static_cast<int>(got.count);
    for (ssize_t i = 0; i < got.count; i++) visit(regions[i]);
    if (got.next == 0) return 0;
    at = got.next;
  }
}

int PageSet::AddWritten(int pagemap_fd, bool protect) {
  // Exactly these masks take the kernel's fast path: 0.4 ms per GiB that is idle (Linux 6.18).
  const ScanQuery query = {.protect = protect, .required = kPageIsWritten, .returned = kPageIsWritten};
  return ScanAll(pagemap_fd, query, [&](const PageRegion& region) { Add(region.start, region.end); });
}

int PageSet::AddWrittenInside(int pagemap_fd, const double* ranges, size_t count) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += static_cast<uint64_t>(ranges[2 * i + 1]);
  if (bytes < kWorthThreads) return AddWritten(pagemap_fd, false);
  const uint64_t length = std::max(kLeastPiece, bytes / kMostPieces / kBlockSize * kBlockSize);
  const auto pieces = Pieces(ranges, count, length);
  struct Found {
    std::vector<PageRegion> regions;
    int error = 0;
  };
  std::vector<Found> found(pieces.size());
  const ScanQuery query = {.required = kPageIsWritten, .returned = kPageIsWritten};
  InParallel(pieces.size(), [&](size_t i) {
    const auto keep = [&](const PageRegion& region) { found[i].regions.push_back(region); };
    found[i].error = Scan(pagemap_fd, pieces[i].first, pieces[i].second, query, keep);
  });
  for (const Found& piece : found) {
    if (piece.error < 0) return piece.error;
    for (const PageRegion& region : piece.regions) Add(region.start, region.end);
  }
  return 0;
}

int PageSet::ProtectWrittenPages(int pagemap_fd) {
  const ScanQuery query = {.protect = true,
                           .required = kPageIsWritten,
                           .any_of = kPageIsPresent | kPageIsSwapped,
                           .returned = kPageIsWritten};
  return ScanAll(pagemap_fd, query, [&](const PageRegion& region) { Add(region.start, region.end); });
}

int PageSet::AddWrittenOwned(int pagemap_fd) {
  const ScanQuery query = {.required = kPageIsWritten | kPageIsPfnZero,
                           .any_of = kPageIsPresent | kPageIsSwapped,
                           .inverted = kPageIsPfnZero,
                           .returned = kPageIsPresent | kPageIsSwapped};
  int error = 0;
  const int scanned = ScanAll(pagemap_fd, query, [&](const PageRegion& region) {
    if ((region.categories & kPageIsSwapped) == 0) return Add(region.start, region.end);
    for (uint64_t at = region.start; at < region.end;
         at += kPageSize) {  // swapped, or a marker of the kernel
      uint64_t word = 0;
      const ssize_t got = PagemapRead(pagemap_fd, at, 1, &word);
      if (got <= 0) error = got < 0 ? static_cast<int>(got) : -ESRCH;
      if (IsOwnedWord(word)) Add(at, at + kPageSize);
    }
  });
  return scanned < 0 ? scanned : error;
}

int PageSet::AddOwned(int pagemap_fd, const double* ranges, size_t count, OwnedMethod method) {
  struct Found {
    std::vector<double> runs;
    ssize_t error = 0;
  };
  std::vector<Found> found((count + kRangesOfPiece - 1) / kRangesOfPiece);
  InParallel(found.size(), [&](size_t piece) {
    const double* mine = ranges + 2 * piece * kRangesOfPiece;
    const size_t many = std::min(kRangesOfPiece, count - piece * kRangesOfPiece);
    static thread_local std::vector<double> room(8192);
    for (OwnedCursor cursor; cursor.range < many && found[piece].error == 0;) {
      RunWriter writer(room.data(), room.size() / 2);
      const ssize_t rc = OwnedRuns(pagemap_fd, mine, many, method, Hidden::kCounts, writer, cursor);
      if (rc < 0) found[piece].error = rc;
      const auto end = room.begin() + static_cast<ptrdiff_t>(2 * writer.count());
      found[piece].runs.insert(found[piece].runs.end(), room.begin(), end);
    }
  });
  for (const auto& [runs, error] : found) {
    if (error < 0) return static_cast<int>(error);
    for (size_t i = 0; i < runs.size(); i += 2) {
      const auto start = static_cast<uint64_t>(runs[i]);
      Add(start, start + static_cast<uint64_t>(runs[i + 1]));
    }
  }
  return 0;
}

int PageSet::AddOwnedWords(int pagemap_fd, const double* ranges, size_t count, PageSet& soft_dirty) {
  constexpr size_t kWords = 4096;
  static thread_local uint64_t words[kWords];
  LearnZeroFrames();
  for (size_t range = 0; range < count; range++) {
    const uint64_t start = static_cast<uint64_t>(ranges[2 * range]);
    const uint64_t end = start + static_cast<uint64_t>(ranges[2 * range + 1]);
    uint64_t run = 0;    // where owned pages began without a gap, 0: nowhere
    uint64_t dirty = 0;  // the same of those that are dirty
    const auto close = [](PageSet& set, uint64_t& from, uint64_t to) {
      if (from != 0) set.Add(from, to);
      from = 0;
    };
    for (uint64_t at = start; at < end;) {
      const ssize_t got =
          PagemapRead(pagemap_fd, at, std::min<uint64_t>(kWords, (end - at) / kPageSize), words);
      if (got <= 0) return got < 0 ? static_cast<int>(got) : -ESRCH;
      for (ssize_t i = 0; i < got; i++, at += kPageSize) {
        const bool is_owned = IsOwnedWord(words[i]);
        const bool is_dirty = is_owned && (words[i] & kPagemapSoftDirty) != 0;
        if (!is_owned) close(*this, run, at);
        if (!is_dirty) close(soft_dirty, dirty, at);
        if (is_owned && run == 0) run = at;
        if (is_dirty && dirty == 0) dirty = at;
      }
    }
    close(*this, run, end);
    close(soft_dirty, dirty, end);
  }
  return 0;
}

int PageSet::AddGuardWords(int pagemap_fd, const double* ranges, size_t count) {
  constexpr size_t kWords = 4096;
  static thread_local uint64_t words[kWords];
  for (size_t range = 0; range < count; range++) {
    uint64_t at = static_cast<uint64_t>(ranges[2 * range]);
    const uint64_t end = at + static_cast<uint64_t>(ranges[2 * range + 1]);
    while (at < end) {
      const ssize_t got =
          PagemapRead(pagemap_fd, at, std::min<uint64_t>(kWords, (end - at) / kPageSize), words);
      if (got <= 0) return got < 0 ? static_cast<int>(got) : -ESRCH;
      for (ssize_t i = 0; i < got; i++, at += kPageSize) {
        if (IsGuardWord(words[i])) Add(at, at + kPageSize);
      }
    }
  }
  return 0;
}

int PageSet::AddGuards(int pagemap_fd) {
  const ScanQuery query = {.required = kPageIsGuard, .returned = kPageIsGuard};
  return ScanAll(pagemap_fd, query, [&](const PageRegion& region) { Add(region.start, region.end); });
}

}  // namespace godwit

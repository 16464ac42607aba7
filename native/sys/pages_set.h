// A sparse set of pages: a bitmap of 512 bits for each 2 MiB block that has one. What the agent knows to be on the target is
// kept in it, and the sums of the freeze (touched minus owned) are done in it. Cheap for long runs and for scattered pages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "sys/pagemap.h"
#include "sys/unbacked.h"

namespace godwit {

class PageSet {
 public:
  void Add(uint64_t start, uint64_t end);
  void Remove(uint64_t start, uint64_t end);
  void AddAll(const PageSet& other);
  void RemoveAll(const PageSet& other);
  void Clear() { blocks_.clear(); }
  uint64_t Count() const;
  size_t Blocks() const { return blocks_.size(); }

  /// Adds what PAGEMAP_SCAN reports as written in all of user space, and write-protects it again in the same step if
  /// `protect`. Mappings that are not registered are skipped silently, which is why one scan over everything is safe.
  /// Returns 0 or -errno (ESRCH: the address space is gone).
  int AddWritten(int pagemap_fd, bool protect);

  /// As AddWritten without `protect`; where these ranges (ascending) are much, only inside them, by several threads at once. For frozen processes: of one that
  /// runs, mappings could move from where nobody has looked yet to where somebody has.
  int AddWrittenInside(int pagemap_fd, const double* ranges, size_t count);

  /// As AddWritten with `protect`, but passes by what is empty: no note is left there (pte_marker of linux/swapops.h), and it is not
  /// reported.
  int ProtectWrittenPages(int pagemap_fd);

  /// Adds, of the pages that are written, those that are present or really swapped and not the zero page; does not protect. Files'
  /// clean pages are not told apart. For frozen processes: one walk (0.65 ms per GiB) in place of many looks.
  int AddWrittenOwned(int pagemap_fd);

  /// Adds the pages that the process owns (see OwnedRuns) inside the ranges (ascending); several threads look where there are many of them.
  /// Returns 0 or -errno (ESRCH: the space is gone).
  int AddOwned(int pagemap_fd, const double* ranges, size_t count, OwnedMethod method);

  /// Adds the pages that the process owns (in the sense of OwnedRuns) inside the ranges, by their classic words; those whose
  /// soft-dirty bit is set are added to `soft_dirty` too. One walk, so that both say the same of each page: khugepaged may
  /// fill given-back pages with zeros at any time, also in a frozen process. Returns 0 or -errno (ESRCH: the space is gone).
  int AddOwnedWords(int pagemap_fd, const double* ranges, size_t count, PageSet& soft_dirty);

  /// Adds the guards (see IsGuardWord) inside the ranges, by their classic words. Returns 0 or -errno (ESRCH: the space is gone).
  int AddGuardWords(int pagemap_fd, const double* ranges, size_t count);

  /// Adds all guards of the address space by PAGEMAP_SCAN: 3.6 ms per GiB of small pages, nothing for what was never touched. Returns
  /// 0 or -errno (EINVAL: before Linux 6.15).
  int AddGuards(int pagemap_fd);

  /// Runs of the set inside [start, end). Returns where to go on when there was no room, 0 when complete.
  uint64_t Runs(uint64_t start, uint64_t end, RunWriter& out) const;

  /// Runs of the set in 2 MiB blocks whose page table is gone on the source. A scan reports nothing about those, so
  /// every page of the block must be looked at. One word of pagemap for each block. Goes on from `*address`, 0 when
  /// complete. Returns runs or -errno.
  ssize_t Unbacked(int pagemap_fd, RunWriter& out, uint64_t* address);

  /// Has the next Unbacked looked for ahead by a thread, where it is much. Preconditions: nothing changes in the process until then.
  void BeginUnbacked(int pagemap_fd);

 private:
  template <typename Visit>
  static int ScanAll(int pagemap_fd, const ScanQuery& query, Visit visit);
  template <typename Visit>
  static int Scan(int pagemap_fd, uint64_t start, uint64_t end, const ScanQuery& query, Visit visit);
  using Block = std::array<uint64_t, 8>;
  std::map<uint64_t, Block> blocks_;
  std::unique_ptr<UnbackedLook> unbacked_;
};

}  // namespace godwit

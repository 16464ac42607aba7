// Which pages of one address space are missing, and where on the source each of them lies: mremap(2) moves what is missing like all else,
// and a child of fork(2) misses what its parent misses. Addresses of the target, unless said otherwise; whole pages.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace godwit {

struct PageRange {
  std::uint64_t start;
  std::uint64_t end;
};

/** A set of addresses as ranges that neither touch nor overlap. */
class RangeSet {
 public:
  void Add(PageRange range);
  void Remove(PageRange range);
  [[nodiscard]] bool Has(std::uint64_t address) const;
  [[nodiscard]] std::vector<PageRange> Inside(PageRange range) const;
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; }
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void CutAt(std::uint64_t address);

  std::map<std::uint64_t, std::uint64_t> ranges_;
  std::uint64_t bytes_ = 0;
};

class MissingPages {
 public:
  MissingPages();

  void Add(PageRange range) { missing_.Add(range); }
  /** It has come, or was given back, or is mapped no more. */
  void Remove(PageRange range) { missing_.Remove(range); }
  [[nodiscard]] bool Has(std::uint64_t address) const { return missing_.Has(address); }
  [[nodiscard]] bool empty() const { return missing_.empty(); }
  [[nodiscard]] std::uint64_t bytes() const { return missing_.bytes(); }

  /** mremap(2): what lay at `from` lies at `to`, and nothing of what lay there before. */
  void Move(std::uint64_t from, std::uint64_t to, std::uint64_t length);

  /** Where on the source that lies. */
  [[nodiscard]] std::uint64_t SourceOf(std::uint64_t address) const;

  struct Place {
    PageRange range;
    std::uint64_t source;  // of range.start
  };
  /** What is missing of a range of the source, and where it is to go: more than once, if it was moved about. */
  [[nodiscard]] std::vector<Place> Wanting(PageRange source) const;
  /** All that is missing, as ranges of the source. */
  void AddSource(RangeSet& out) const;

 private:
  struct Extent {
    std::uint64_t end;
    std::uint64_t source;
  };
  void CutExtentAt(std::uint64_t address);

  RangeSet missing_;
  std::map<std::uint64_t, Extent> extents_;  // by start; together they are the whole address space
};

}  // namespace godwit

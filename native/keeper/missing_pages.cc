#include "keeper/missing_pages.h"

#include <algorithm>
#include <iterator>

namespace godwit {
namespace {

constexpr std::uint64_t kUserEnd = 1ULL << 47;

}  // namespace

// Afterwards a range begins at `address` if it was in one.
void RangeSet::CutAt(std::uint64_t address) {
  auto at = ranges_.lower_bound(address);
  if (at == ranges_.begin()) return;
  at = std::prev(at);
  if (at->second <= address) return;
  ranges_.emplace(address, at->second);
  at->second = address;
}

void RangeSet::Add(PageRange range) {
  if (range.start >= range.end) return;
  // Most lists are ascending.
  if (ranges_.empty() || std::prev(ranges_.end())->second < range.start) {
    bytes_ += range.end - range.start;
    ranges_.emplace_hint(ranges_.end(), range.start, range.end);
    return;
  }
  Remove(range);
  bytes_ += range.end - range.start;
  auto next = ranges_.lower_bound(range.start);
  if (next != ranges_.end() && next->first == range.end) {
    range.end = next->second;
    next = ranges_.erase(next);
  }
  if (next != ranges_.begin()) {
    const auto before = std::prev(next);
    if (before->second == range.start) {
      before->second = range.end;
      return;
    }
  }
  ranges_.emplace_hint(next, range.start, range.end);
}

void RangeSet::Remove(PageRange range) {
  if (range.start >= range.end) return;
  CutAt(range.start);
  CutAt(range.end);
  for (auto at = ranges_.lower_bound(range.start); at != ranges_.end() && at->first < range.end;) {
    bytes_ -= at->second - at->first;
    at = ranges_.erase(at);
  }
}

bool RangeSet::Has(std::uint64_t address) const {
  auto at = ranges_.upper_bound(address);
  return at != ranges_.begin() && std::prev(at)->second > address;
}

std::vector<PageRange> RangeSet::Inside(PageRange range) const {
  std::vector<PageRange> found;
  auto at = ranges_.upper_bound(range.start);
  if (at != ranges_.begin() && std::prev(at)->second > range.start) at = std::prev(at);
  for (; at != ranges_.end() && at->first < range.end; ++at)
    found.push_back({std::max(at->first, range.start), std::min(at->second, range.end)});
  return found;
}

MissingPages::MissingPages() { extents_.emplace(0, Extent{kUserEnd, 0}); }

void MissingPages::CutExtentAt(std::uint64_t address) {
  const auto at = std::prev(extents_.upper_bound(address));
  if (at->first == address || at->second.end <= address) return;
  extents_.emplace(address, Extent{at->second.end, at->second.source + (address - at->first)});
  at->second.end = address;
}

void MissingPages::Move(std::uint64_t from, std::uint64_t to, std::uint64_t length) {
  const PageRange old{from, from + length};
  const std::vector<PageRange> moved = missing_.Inside(old);
  missing_.Remove(old);
  missing_.Remove({to, to + length});
  for (const PageRange& range : moved) missing_.Add({range.start - from + to, range.end - from + to});

  for (const std::uint64_t border : {from, from + length, to, to + length}) CutExtentAt(border);
  std::vector<std::pair<std::uint64_t, Extent>> pieces;
  for (auto at = extents_.find(from); at != extents_.end() && at->first < from + length; ++at)
    pieces.emplace_back(at->first - from + to, Extent{at->second.end - from + to, at->second.source});
  extents_.erase(extents_.find(to), extents_.lower_bound(to + length));
  for (const auto& [start, extent] : pieces) extents_.emplace(start, extent);
}

std::uint64_t MissingPages::SourceOf(std::uint64_t address) const {
  const auto at = std::prev(extents_.upper_bound(address));
  return at->second.source + (address - at->first);
}

std::vector<MissingPages::Place> MissingPages::Wanting(PageRange source) const {
  std::vector<Place> found;
  for (const auto& [start, extent] : extents_) {
    const std::uint64_t first = std::max(source.start, extent.source);
    const std::uint64_t last = std::min(source.end, extent.source + (extent.end - start));
    if (first >= last) continue;
    const PageRange there{start + (first - extent.source), start + (last - extent.source)};
    for (const PageRange& range : missing_.Inside(there))
      found.push_back({range, extent.source + (range.start - start)});
  }
  return found;
}

void MissingPages::AddSource(RangeSet& out) const {
  for (const auto& [start, end] : missing_.ranges()) {
    for (std::uint64_t at = start; at < end;) {
      const auto extent = std::prev(extents_.upper_bound(at));
      const std::uint64_t stop = std::min(end, extent->second.end);
      const std::uint64_t source = extent->second.source + (at - extent->first);
      out.Add({source, source + (stop - at)});
      at = stop;
    }
  }
}

}  // namespace godwit

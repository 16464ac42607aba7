#include "sys/pages_set.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "sys/hash.h"

namespace godwit {
namespace {

constexpr uint64_t kBlockPages = 512;
constexpr uint64_t kBlockSize = kBlockPages * kPageSize;
constexpr size_t kManyBlocks = 128;  // looking at fewer takes no longer than to start a thread

// Bits from..to-1 of one word.
uint64_t Mask(uint64_t from, uint64_t to) {
  return (to == 64 ? ~uint64_t{0} : (uint64_t{1} << to) - 1) & ~((uint64_t{1} << from) - 1);
}

// First bit at or behind `from` whose value is `set`; kBlockPages if there is none.
uint64_t Find(const std::array<uint64_t, 8>& block, uint64_t from, bool set) {
  while (from < kBlockPages) {
    const uint64_t word = (set ? block[from / 64] : ~block[from / 64]) >> (from % 64);
    if (word != 0) return from + static_cast<uint64_t>(std::countr_zero(word));
    from = (from / 64 + 1) * 64;
  }
  return kBlockPages;
}

uint64_t FirstPage(const std::pair<const uint64_t, std::array<uint64_t, 8>>& block) {
  return block.first * kBlockSize + Find(block.second, 0, true) * kPageSize;
}

}  // namespace

void PageSet::Add(uint64_t start, uint64_t end) {
  auto hint = blocks_.lower_bound(start / kBlockSize);
  for (uint64_t page = start / kPageSize, last = end / kPageSize; page < last;) {
    const uint64_t block = page / kBlockPages, stop = std::min(last, (block + 1) * kBlockPages);
    if (hint == blocks_.end() || hint->first != block) hint = blocks_.emplace_hint(hint, block, Block{});
    while (page < stop) {
      const uint64_t to = std::min(stop, (page / 64 + 1) * 64);
      hint->second[page % kBlockPages / 64] |= Mask(page % 64, to - page / 64 * 64);
      page = to;
    }
    ++hint;
  }
}

void PageSet::Remove(uint64_t start, uint64_t end) {
  auto it = blocks_.lower_bound(start / kBlockSize);
  while (it != blocks_.end() && it->first * kBlockSize < end) {
    uint64_t page = std::max(start / kPageSize, it->first * kBlockPages);
    const uint64_t stop = std::min(end / kPageSize, (it->first + 1) * kBlockPages);
    while (page < stop) {
      const uint64_t to = std::min(stop, (page / 64 + 1) * 64);
      it->second[page % kBlockPages / 64] &= ~Mask(page % 64, to - page / 64 * 64);
      page = to;
    }
    it = Find(it->second, 0, true) == kBlockPages ? blocks_.erase(it) : std::next(it);
  }
}

void PageSet::AddAll(const PageSet& other) {
  for (const auto& [number, block] : other.blocks_) {
    Block& mine = blocks_[number];
    for (size_t i = 0; i < mine.size(); i++) mine[i] |= block[i];
  }
}

void PageSet::RemoveAll(const PageSet& other) {
  for (auto it = blocks_.begin(); it != blocks_.end();) {
    if (const auto found = other.blocks_.find(it->first); found != other.blocks_.end()) {
      for (size_t i = 0; i < found->second.size(); i++) it->second[i] &= ~found->second[i];
    }
    it = Find(it->second, 0, true) == kBlockPages ? blocks_.erase(it) : std::next(it);
  }
}

uint64_t PageSet::Count() const {
  uint64_t count = 0;
  for (const auto& [number, block] : blocks_) {
    for (const uint64_t word : block) count += static_cast<uint64_t>(std::popcount(word));
  }
  return count;
}

uint64_t PageSet::Runs(uint64_t start, uint64_t end, RunWriter& out) const {
  for (auto it = blocks_.lower_bound(start / kBlockSize); it != blocks_.end(); ++it) {
    const uint64_t base = it->first * kBlockSize;
    if (base >= end) break;
    uint64_t bit = start > base ? (start - base) / kPageSize : 0;
    const uint64_t limit = std::min(kBlockPages, (end - base) / kPageSize);
    while ((bit = Find(it->second, bit, true)) < limit) {
      const uint64_t to = std::min(limit, Find(it->second, bit, false));
      if (!out.Add(base + bit * kPageSize, base + to * kPageSize)) return base + bit * kPageSize;
      bit = to;
    }
  }
  return 0;
}

ssize_t PageSet::Unbacked(int pagemap_fd, RunWriter& out, uint64_t* address) {
  for (auto it = blocks_.lower_bound(*address / kBlockSize); it != blocks_.end(); ++it) {
    const uint64_t base = it->first * kBlockSize;
    const uint64_t first = FirstPage(*it);
    const std::optional<int> ahead = unbacked_ ? unbacked_->Of(first) : std::nullopt;
    const int has_table = ahead ? *ahead : HasTable(pagemap_fd, first);
    if (has_table < 0) return has_table;
    if (has_table > 0) continue;  // in that every zapped entry was reported by the scan
    const uint64_t next = Runs(base, base + kBlockSize, out);
    if (next != 0) {
      *address = next;
      return static_cast<ssize_t>(out.count());
    }
  }
  *address = 0;
  unbacked_.reset();
  return static_cast<ssize_t>(out.count());
}

void PageSet::BeginUnbacked(int pagemap_fd) {
  unbacked_.reset();
  if (blocks_.size() < kManyBlocks) return;
  std::vector<uint64_t> pages;
  pages.reserve(blocks_.size());
  for (const auto& block : blocks_) pages.push_back(FirstPage(block));
  unbacked_ = std::make_unique<UnbackedLook>(pagemap_fd, std::move(pages));
}

}  // namespace godwit

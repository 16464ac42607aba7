#include "sys/delta_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "sys/delta.h"

namespace godwit {
namespace {

constexpr uint64_t kAddressPages = uint64_t{1} << 35;
// Slots that are looked at for one that may be used again; a page for which there is none among them goes whole next time.
constexpr uint32_t kLooks = 32;

uint64_t KeyOf(uint32_t owner, uint64_t address) { return owner * kAddressPages + address / kPageSize; }

}  // namespace

std::unique_ptr<DeltaCache> DeltaCache::Make(size_t bytes) {
  const size_t slots = std::max<size_t>(1, bytes / kPageSize);
  void* memory = mmap(nullptr, slots * kPageSize, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  // It holds what processes hold in their memory.
  madvise(memory, slots * kPageSize, MADV_DONTDUMP);
  try {
    return std::unique_ptr<DeltaCache>(new DeltaCache(static_cast<uint8_t*>(memory), slots));
  } catch (const std::bad_alloc&) {
    munmap(memory, slots * kPageSize);
    return nullptr;
  }
}

DeltaCache::DeltaCache(uint8_t* memory, size_t slots)
    : memory_(memory), slots_(slots), index_(std::bit_ceil(2 * slots), kNowhere), free_(slots) {
  for (size_t i = 0; i < slots; i++) free_[i] = static_cast<uint32_t>(slots - 1 - i);
}

DeltaCache::~DeltaCache() { munmap(memory_, slots_.size() * kPageSize); }

uint8_t* DeltaCache::PageOf(uint32_t slot) const { return memory_ + size_t{slot} * kPageSize; }

size_t DeltaCache::HomeOf(uint64_t key) const {
  return (key * 0x9e3779b97f4a7c15) >> (64 - std::countr_zero(index_.size()));
}

uint32_t DeltaCache::Find(uint64_t key) const {
  for (size_t at = HomeOf(key);; at = (at + 1) % index_.size()) {
    const uint32_t slot = index_[at];
    if (slot == kNowhere || slots_[slot].key == key) return slot;
  }
}

void DeltaCache::Index(uint32_t slot) {
  size_t at = HomeOf(slots_[slot].key);
  while (index_[at] != kNowhere) at = (at + 1) % index_.size();
  index_[at] = slot;
  used_++;
}

// Closes the gap: what was pushed past it by others moves up.
void DeltaCache::Forget(uint32_t slot) {
  const size_t mask = index_.size() - 1;
  size_t gap = HomeOf(slots_[slot].key);
  while (index_[gap] != slot) gap = (gap + 1) & mask;
  for (size_t at = (gap + 1) & mask; index_[at] != kNowhere; at = (at + 1) & mask) {
    const size_t home = HomeOf(slots_[index_[at]].key);
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = kNowhere;
  slots_[slot].key = kNone;
  used_--;
}

// A slot without a page. What was sent in round 0 alone gives way to what is sent again, and else only what two rounds have not sent: a tree
// that writes more than fits keeps a part of it here, where the oldest one giving way would keep none.
uint32_t DeltaCache::Room(uint32_t round) {
  if (!free_.empty()) {
    const uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  for (uint32_t looks = 0; looks < std::min<size_t>(kLooks, slots_.size()); looks++) {
    const uint32_t slot = hand_;
    hand_ = (hand_ + 1) % static_cast<uint32_t>(slots_.size());
    const bool is_first = slots_[slot].round == 0 && round > 0;
    if (!is_first && slots_[slot].round + 1 >= round) continue;
    Forget(slot);
    return slot;
  }
  return kNowhere;
}

size_t DeltaCache::Encode(uint32_t owner, uint32_t round, const double* runs, size_t count, uint8_t* payload,
                          size_t size, size_t room, bool admits) {
  found_.clear();
  bool has_base = false;
  for (size_t i = 0; i < count; i++) {
    const auto start = static_cast<uint64_t>(runs[2 * i]);
    const auto end = start + static_cast<uint64_t>(runs[2 * i + 1]);
    for (uint64_t address = start; address < end; address += kPageSize) {
      const uint32_t slot = Find(KeyOf(owner, address));
      has_base = has_base || slot != kNowhere;
      found_.push_back(slot);
    }
  }
  if (found_.size() * kPageSize > size) return 0;
  if (has_base) stream_.resize(size + found_.size() * kDeltaHead);
  size_t length = 0, number = 0;
  for (size_t i = 0; i < count; i++) {
    const auto start = static_cast<uint64_t>(runs[2 * i]);
    const auto end = start + static_cast<uint64_t>(runs[2 * i + 1]);
    for (uint64_t address = start; address < end; address += kPageSize, number++) {
      const uint8_t* page = payload + number * kPageSize;
      uint32_t slot = found_[number];
      uint8_t* const out = stream_.data() + length;
      size_t bytes = kPageSize;
      // Another page of this frame may have taken its place meanwhile.
      const bool is_known = slot != kNowhere && slots_[slot].key == KeyOf(owner, address);
      if (is_known) {
        bytes = EncodeDelta(page, PageOf(slot), out + kDeltaHead);
      } else if ((slot = admits ? Room(round) : kNowhere) != kNowhere) {
        slots_[slot].key = KeyOf(owner, address);
        Index(slot);
      }
      if (slot != kNowhere) {
        slots_[slot].round = round;
        if (bytes > 0) memcpy(PageOf(slot), page, kPageSize);
      }
      if (!has_base) continue;
      if (bytes == kPageSize) memcpy(out + kDeltaHead, page, kPageSize);
      out[0] = static_cast<uint8_t>(bytes);
      out[1] = static_cast<uint8_t>(bytes >> 8);
      length += kDeltaHead + bytes;
    }
  }
  if (!has_base || length > std::min(room, size)) return 0;
  memcpy(payload, stream_.data(), length);
  return length;
}

void DeltaCache::Drop(uint32_t owner, const double* runs, size_t count) {
  for (size_t i = 0; i < count && used_ > 0; i++) {
    const auto start = static_cast<uint64_t>(runs[2 * i]);
    const auto end = start + static_cast<uint64_t>(runs[2 * i + 1]);
    // Runs of zeros may be longer than the cache.
    if ((end - start) / kPageSize > slots_.size()) {
      for (uint32_t slot = 0; slot < slots_.size(); slot++) {
        const uint64_t key = slots_[slot].key;
        if (key == kNone || key < KeyOf(owner, start) ||
            key >= KeyOf(owner, start) + (end - start) / kPageSize)
          continue;
        Forget(slot);
        free_.push_back(slot);
      }
      continue;
    }
    for (uint64_t address = start; address < end; address += kPageSize) {
      const uint32_t slot = Find(KeyOf(owner, address));
      if (slot == kNowhere) continue;
      Forget(slot);
      free_.push_back(slot);
    }
  }
}

void DeltaCache::Keep(uint32_t owner, const double* runs, size_t count) {
  if (used_ == 0) return;
  for (uint32_t slot = 0; slot < slots_.size(); slot++) {
    const uint64_t key = slots_[slot].key;
    if (key == kNone || key / kAddressPages != owner) continue;
    const auto address = static_cast<double>(key % kAddressPages * kPageSize);
    // The last run that does not begin behind it.
    size_t low = 0, high = count;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (runs[2 * middle] <= address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low > 0 && address < runs[2 * (low - 1)] + runs[2 * (low - 1) + 1]) continue;
    Forget(slot);
    free_.push_back(slot);
  }
}

}  // namespace godwit

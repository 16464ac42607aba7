// The last version that the target was sent of pages, so that the next one travels as a difference. Of a fixed size; what does not fit goes
// whole. Spaces and shared objects are told apart by a number of the caller's (`owner`, below 2^23); addresses are below 2^47.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace godwit {

class DeltaCache {
 public:
  /// Room for so many bytes of pages, which are taken from the kernel when they are first used; nullptr: no memory.
  static std::unique_ptr<DeltaCache> Make(size_t bytes);
  ~DeltaCache();
  DeltaCache(const DeltaCache&) = delete;
  DeltaCache& operator=(const DeltaCache&) = delete;

  /// Notes the pages of the runs, which are on their way to the target, and puts a stream (sys/delta.h) in their place if it takes at most
  /// `room` bytes. Returns its bytes; 0: the payload is as it was. `round` never becomes less. Not `admits`: no page is new here.
  size_t Encode(uint32_t owner, uint32_t round, const double* runs, size_t count, uint8_t* payload,
                size_t size, size_t room, bool admits);

  /// The target has other content there now, or none.
  void Drop(uint32_t owner, const double* runs, size_t count);
  /// Drops all of an owner that lies outside these ascending runs.
  void Keep(uint32_t owner, const double* runs, size_t count);

  size_t pages() const { return used_; }

 private:
  struct Slot {
    uint64_t key = kNone;
    uint32_t round = 0;  // in which it was sent last
  };
  static constexpr uint64_t kNone = ~uint64_t{0};
  static constexpr uint32_t kNowhere = ~uint32_t{0};

  DeltaCache(uint8_t* memory, size_t slots);
  uint8_t* PageOf(uint32_t slot) const;
  size_t HomeOf(uint64_t key) const;
  uint32_t Find(uint64_t key) const;
  void Index(uint32_t slot);
  void Forget(uint32_t slot);
  uint32_t Room(uint32_t round);

  uint8_t* memory_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> index_;  // open addressing, linear; numbers of slots, twice as many places
  std::vector<uint32_t> free_;
  std::vector<uint8_t> stream_;
  std::vector<uint32_t> found_;
  size_t used_ = 0;
  uint32_t hand_ = 0;  // where the next place is looked for
};

}  // namespace godwit

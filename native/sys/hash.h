// Content checks over pages: XXH3-64 and the search for pages of zeros. Pure functions over memory of ours.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sys/hash_functions.h"

namespace godwit {

inline constexpr size_t kPageSize = 4096;

/// XXH3-64 of `size` bytes (xxhash.h, seed 0).
uint64_t Xxh3(const void* data, size_t size);

/// The same without what only some processors have: what Xxh3 falls back to.
uint64_t Xxh3Portable(const void* data, size_t size);

/// XXH3-64 of what comes in pieces.
class Xxh3Stream {
 public:
  Xxh3Stream() { Reset(); }
  void Reset();
  void Add(const void* data, size_t size);
  /// Of all that was added since the beginning, or Reset.
  uint64_t Digest() const;

 private:
  alignas(kHashStateAlign) std::array<std::byte, kHashStateSize> state_;
};

/// XXH3-64 of each 4096-byte page.
void HashPages(const uint8_t* data, size_t pages, uint64_t* out);

/// XXH3-64 of a file from offset 0 to its end; the descriptor's own offset is not moved. Returns 0 or -errno.
int Xxh3File(int fd, uint64_t* out);

/// True if the 4096 bytes are all zero.
bool IsZeroPage(const uint8_t* page);

}  // namespace godwit

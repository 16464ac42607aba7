#include "sys/hash.h"

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace godwit {

uint64_t Xxh3(const void* data, size_t size) { return XXH3_64bits(data, size); }

void HashPages(const uint8_t* data, size_t pages, uint64_t* out) {
  for (size_t i = 0; i < pages; i++) out[i] = XXH3_64bits(data + i * kPageSize, kPageSize);
}

int Xxh3File(int fd, uint64_t* out) {
  constexpr size_t kChunk = 1 << 20;
  std::unique_ptr<uint8_t[]> buffer(new (std::nothrow) uint8_t[kChunk]);
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
  if (!buffer || !state) return -ENOMEM;
  XXH3_64bits_reset(state.get());
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, buffer.get(), kChunk, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    XXH3_64bits_update(state.get(), buffer.get(), static_cast<size_t>(got));
    at += got;
  }
  *out = XXH3_64bits_digest(state.get());
  return 0;
}

bool IsZeroPage(const uint8_t* page) {
  // Most pages differ in their first words, so the loop below is rarely entered.
  uint64_t first[4];
  memcpy(first, page, sizeof first);
  if ((first[0] | first[1] | first[2] | first[3]) != 0) return false;
  for (size_t at = 0; at < kPageSize; at += 64) {
    uint64_t words[8];
    memcpy(words, page + at, sizeof words);
    if ((words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) != 0)
      return false;
  }
  return true;
}

}  // namespace godwit

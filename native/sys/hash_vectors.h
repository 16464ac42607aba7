// The functions of HashFunctions for whatever XXH_VECTOR says. Not a header like others: each file that has a set of them includes it once.
#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL  // all of it static: each file has its own
#endif
#include <xxhash.h>

#include "sys/hash.h"

namespace godwit {
namespace {

static_assert(sizeof(XXH3_state_t) <= kHashStateSize && alignof(XXH3_state_t) <= kHashStateAlign);

uint64_t HashWhole(const void* data, size_t size) { return XXH3_64bits(data, size); }

void HashEachPage(const uint8_t* data, size_t pages, uint64_t* out) {
  for (size_t i = 0; i < pages; i++) out[i] = XXH3_64bits(data + i * kPageSize, kPageSize);
}

void BeginHash(void* state) {
  XXH3_INITSTATE(static_cast<XXH3_state_t*>(state));
  XXH3_64bits_reset(static_cast<XXH3_state_t*>(state));
}

void AddToHash(void* state, const void* data, size_t size) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state), data, size);
}

uint64_t EndHash(const void* state) { return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state)); }

constexpr HashFunctions kHashFunctions = {HashWhole, HashEachPage, BeginHash, AddToHash, EndHash};

}  // namespace
}  // namespace godwit

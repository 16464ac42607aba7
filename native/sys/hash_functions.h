// XXH3-64 as it is compiled for one set of instructions. xxhash.h chooses its vectors when it is compiled: each set is a file of its own
// (hash_sse2.cc, hash_avx2.cc), and hash.cc chooses between them when it runs. All give the same numbers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace godwit {

struct HashFunctions {
  uint64_t (*whole)(const void* data, size_t size);
  void (*pages)(const uint8_t* data, size_t pages, uint64_t* out);
  // Over a state of kHashStateSize bytes at a multiple of kHashStateAlign.
  void (*begin)(void* state);
  void (*add)(void* state, const void* data, size_t size);
  uint64_t (*end)(const void* state);
};

inline constexpr size_t kHashStateSize = 576, kHashStateAlign = 64;

/// Any x86-64 has these.
extern const HashFunctions kHashSse2;
/// Only with AVX2: 25 ms a gigabyte in the second cache against 47.
extern const HashFunctions kHashAvx2;

}  // namespace godwit

// The owner word: 8 bytes in a file that agent and keeper map shared. It says who may run the tree, and is changed only
// by compare-and-swap, so that of two who want to decide exactly one wins. Mirrored by src/kernel/owner-word.ts.
//
//   source:  OPEN ----> FENCED ----> COMMITTED      target:  STAGING ----> PREPARED ----> RUNNING
//              |           |             |                      |             |
//              +--------> ABORTED <------+ revive               +-----> ABORTED
//
// COMMITTED -> ABORTED (revive) only with proof that the target's copy is gone.
#pragma once

#include <cstdint>

namespace godwit {

enum OwnerState : std::uint64_t {
  kOpen = 1,
  kFenced = 2,
  kCommitted = 3,
  kAborted = 4,
  kStaging = 11,
  kPrepared = 12,
  kRunning = 13,
  kTargetAborted = 14,
};

inline std::uint64_t LoadWord(const std::uint64_t* word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

// Returns the value found; it was exchanged when that is `from`.
inline std::uint64_t CompareExchangeWord(std::uint64_t* word, std::uint64_t from, std::uint64_t to) {
  std::uint64_t found = from;
  __atomic_compare_exchange_n(word, &found, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return found;
}

// The same through a mapping made for one call (about 3 us): nothing to keep, nothing to free. Value found or -errno.
std::int64_t LoadWordOf(int fd);
std::int64_t CompareExchangeWordOf(int fd, std::uint64_t from, std::uint64_t to);

}  // namespace godwit

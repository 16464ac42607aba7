// The difference between two versions of a page, in words of 8 bytes, and streams of such differences for many pages. Pure functions over
// memory of ours. What is applied may come from a hostile peer: nothing is read or written outside the bytes given.
//
//     difference: any number of   u8 words that stay | u8 words that follow | those words      (255 and 0: only more words stay)
//     stream:     for each page   u16 LE bytes n     | n bytes: its difference; 4096: the page itself, whatever was there before
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/hash.h"

namespace godwit {

/// A difference of more bytes is not worth it: the page goes whole.
inline constexpr size_t kMostDelta = 3072;
/// Bytes in front of each page of a stream.
inline constexpr size_t kDeltaHead = 2;

/// Writes what makes `page` of `base` into `out`, which has room for kMostDelta bytes. Returns bytes, or kPageSize if they are too many.
size_t EncodeDelta(const uint8_t* page, const uint8_t* base, uint8_t* out);

/// Makes the new version of the old one in place. False if `delta` is no difference of a page; then the page is neither.
bool ApplyDelta(std::span<const uint8_t> delta, uint8_t* page);

/// One page of a stream.
struct DeltaPage {
  std::span<const uint8_t> bytes;
  bool is_whole = false;
};

/// Takes the next page off the front of a stream. False: it is cut off, or says that a page is longer than it can be.
bool NextDelta(std::span<const uint8_t>& stream, DeltaPage* page);

/// Makes pages of a stream and of the pages as they are, which are read by pread(2): /proc/PID/mem, or a shared object. `into` is as long as
/// the runs. `is_file`: what lies behind its end is zero. 0; -EILSEQ if the stream is not one for so many pages; or what reading failed by, with
/// *failed the address.
int PatchPages(int fd, bool is_file, const double* runs, size_t count, std::span<const uint8_t> stream,
               std::span<uint8_t> into, uint64_t* failed);

}  // namespace godwit

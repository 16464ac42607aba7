// Compression of page content by LZ4 and Zstandard, both linked statically. Pure functions over memory of ours, to be called from any
// thread: each keeps a state of its own. What is expanded may come from a hostile peer: nothing but exactly the bytes expected is taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit {

enum class Codec : int { kLz4 = 0, kZstd = 1 };

/// Compresses `from` as one LZ4 block or one Zstandard frame (level 1, content size in its header, no checksum). Returns bytes; 0 if it does
/// not fit into `into`, which is given up as soon as it shows; -ENOMEM.
long Compress(Codec codec, std::span<const uint8_t> from, std::span<uint8_t> into);

/// The way back: 0 if `from` is one block or frame that expands to exactly `into.size()` bytes, and nothing else; else -EBADMSG, with
/// anything in `into`; -ENOMEM.
int Expand(Codec codec, std::span<const uint8_t> from, std::span<uint8_t> into);

struct CodecSample {
  size_t packed = 0;         // bytes; as many as were given if they do not shrink
  uint64_t compress_ns = 0;  // CPU time of this thread (CLOCK_THREAD_CPUTIME_ID)
  uint64_t expand_ns = 0;
};

/// Compresses and expands `from` in memory of its own, and measures it. 0 or -ENOMEM.
int SampleCodec(Codec codec, std::span<const uint8_t> from, CodecSample* sample);

}  // namespace godwit

#include "sys/codec.h"

#include <lz4.h>
#include <time.h>
#include <zstd.h>

#include <cerrno>
#include <climits>
#include <memory>
#include <new>

namespace godwit {
namespace {

constexpr int kZstdLevel = 1;

// Made when a thread first needs them, and used again: they are larger (16 KiB, 1 MiB, 150 KiB) than what a frame would pay for.
struct States {
  std::unique_ptr<uint64_t[]> lz4;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressor{nullptr, &ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> expander{nullptr, &ZSTD_freeDCtx};
};

States& Mine() {
  static thread_local States states;
  return states;
}

long CompressLz4(std::span<const uint8_t> from, std::span<uint8_t> into) {
  auto& state = Mine().lz4;
  if (!state) state.reset(new (std::nothrow) uint64_t[(static_cast<size_t>(LZ4_sizeofState()) + 7) / 8]);
  if (!state) return -ENOMEM;
  return LZ4_compress_fast_extState(state.get(), reinterpret_cast<const char*>(from.data()),
                                    reinterpret_cast<char*>(into.data()), static_cast<int>(from.size()),
                                    static_cast<int>(into.size()), 1);
}

long CompressZstd(std::span<const uint8_t> from, std::span<uint8_t> into) {
  auto& context = Mine().compressor;
  if (!context) context.reset(ZSTD_createCCtx());
  if (!context) return -ENOMEM;
  const size_t length =
      ZSTD_compressCCtx(context.get(), into.data(), into.size(), from.data(), from.size(), kZstdLevel);
  return ZSTD_isError(length) ? 0 : static_cast<long>(length);
}

int ExpandZstd(std::span<const uint8_t> from, std::span<uint8_t> into) {
  auto& context = Mine().expander;
  if (!context) context.reset(ZSTD_createDCtx());
  if (!context) return -ENOMEM;
  // ZSTD_decompress would also take several frames in a row, and frames to be skipped.
  const size_t frame = ZSTD_findFrameCompressedSize(from.data(), from.size());
  if (ZSTD_isError(frame) || frame != from.size()) return -EBADMSG;
  if (ZSTD_getFrameContentSize(from.data(), from.size()) != into.size()) return -EBADMSG;
  const size_t length =
      ZSTD_decompressDCtx(context.get(), into.data(), into.size(), from.data(), from.size());
  return ZSTD_isError(length) || length != into.size() ? -EBADMSG : 0;
}

uint64_t ThreadTime() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

long Compress(Codec codec, std::span<const uint8_t> from, std::span<uint8_t> into) {
  if (from.empty() || into.empty() || from.size() > LZ4_MAX_INPUT_SIZE || into.size() > INT_MAX) return 0;
  return codec == Codec::kLz4 ? CompressLz4(from, into) : CompressZstd(from, into);
}

int Expand(Codec codec, std::span<const uint8_t> from, std::span<uint8_t> into) {
  if (from.empty() || into.empty() || from.size() > INT_MAX || into.size() > INT_MAX) return -EBADMSG;
  if (codec == Codec::kZstd) return ExpandZstd(from, into);
  // All of the input is needed, or it is an error (LZ4_decompress_safe, lz4.h).
  const int length =
      LZ4_decompress_safe(reinterpret_cast<const char*>(from.data()), reinterpret_cast<char*>(into.data()),
                          static_cast<int>(from.size()), static_cast<int>(into.size()));
  return length >= 0 && static_cast<size_t>(length) == into.size() ? 0 : -EBADMSG;
}

int SampleCodec(Codec codec, std::span<const uint8_t> from, CodecSample* sample) {
  std::unique_ptr<uint8_t[]> memory(new (std::nothrow) uint8_t[2 * from.size() + 1]);
  if (!memory) return -ENOMEM;
  const std::span<uint8_t> packed(memory.get(), from.size()), again(memory.get() + from.size(), from.size());
  // The first time pays for the memory, of states too; a frame does not.
  for (int run = 0; run < 2; run++) {
    const uint64_t began = ThreadTime();
    const long length = Compress(codec, from, packed);
    const uint64_t between = ThreadTime();
    if (length < 0) return static_cast<int>(length);
    const bool shrinks = length > 0;
    const int error = shrinks ? Expand(codec, packed.first(static_cast<size_t>(length)), again) : 0;
    if (error == -ENOMEM) return error;
    *sample = {.packed = shrinks ? static_cast<size_t>(length) : from.size(),
               .compress_ns = between - began,
               .expand_ns = ThreadTime() - between};
  }
  return 0;
}

}  // namespace godwit

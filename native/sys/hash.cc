#include "sys/hash.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

namespace godwit {
namespace {

// The compiler's library asks the processor, and whether the kernel keeps its registers.
const HashFunctions& Functions() {
  static const HashFunctions& functions = __builtin_cpu_supports("avx2") ? kHashAvx2 : kHashSse2;
  return functions;
}

}  // namespace

uint64_t Xxh3(const void* data, size_t size) { return Functions().whole(data, size); }

uint64_t Xxh3Portable(const void* data, size_t size) { return kHashSse2.whole(data, size); }

void HashPages(const uint8_t* data, size_t pages, uint64_t* out) { Functions().pages(data, pages, out); }

void Xxh3Stream::Reset() { Functions().begin(state_.data()); }

void Xxh3Stream::Add(const void* data, size_t size) { Functions().add(state_.data(), data, size); }

uint64_t Xxh3Stream::Digest() const { return Functions().end(state_.data()); }

int Xxh3File(int fd, uint64_t* out) {
  constexpr size_t kChunk = 1 << 20;
  std::unique_ptr<uint8_t[]> buffer(new (std::nothrow) uint8_t[kChunk]);
  if (!buffer) return -ENOMEM;
  Xxh3Stream stream;
  for (off_t at = 0;;) {
    const ssize_t got = pread(fd, buffer.get(), kChunk, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    stream.Add(buffer.get(), static_cast<size_t>(got));
    at += got;
  }
  *out = stream.Digest();
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

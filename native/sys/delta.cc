#include "sys/delta.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/pages.h"

namespace godwit {
namespace {

constexpr size_t kWord = sizeof(uint64_t);
constexpr size_t kWords = kPageSize / kWord;
constexpr size_t kMostWords = 255;  // in one byte

uint64_t WordAt(const uint8_t* page, size_t word) {
  uint64_t value;
  memcpy(&value, page + word * kWord, kWord);
  return value;
}

// Whether 8 words from `word` on are equal.
bool AreEqual(const uint8_t* page, const uint8_t* base, size_t word) {
  uint64_t differ = 0;
  for (size_t i = word; i < word + 8; i++) differ |= WordAt(page, i) ^ WordAt(base, i);
  return differ == 0;
}

size_t SkipEqual(const uint8_t* page, const uint8_t* base, size_t word) {
  while (word < kWords) {
    if (word % 8 == 0 && AreEqual(page, base, word)) {
      word += 8;
      continue;
    }
    if (WordAt(page, word) != WordAt(base, word)) break;
    word++;
  }
  return word;
}

// Reads `size` bytes of the old pages at `address`.
int ReadBase(int fd, bool is_file, uint64_t address, uint8_t* out, size_t size) {
  const ssize_t got = ReadMem(fd, address, out, size);
  if (got < 0 && !is_file) return static_cast<int>(got);
  const size_t read = got < 0 ? 0 : static_cast<size_t>(got);
  if (read == size) return 0;
  if (!is_file) return -EFAULT;
  memset(out + read, 0, size - read);
  return 0;
}

}  // namespace

size_t EncodeDelta(const uint8_t* page, const uint8_t* base, uint8_t* out) {
  size_t length = 0, told = 0;
  for (size_t word = SkipEqual(page, base, 0); word < kWords; word = SkipEqual(page, base, told)) {
    size_t end = word + 1;
    while (end < kWords && end - word < kMostWords && WordAt(page, end) != WordAt(base, end)) end++;
    size_t stay = word - told;
    const size_t bytes = (end - word) * kWord;
    if (length + 2 * (stay / kMostWords + 1) + bytes > kMostDelta) return kPageSize;
    for (; stay > kMostWords; stay -= kMostWords) {
      out[length++] = kMostWords;
      out[length++] = 0;
    }
    out[length++] = static_cast<uint8_t>(stay);
    out[length++] = static_cast<uint8_t>(end - word);
    memcpy(out + length, page + word * kWord, bytes);
    length += bytes;
    told = end;
  }
  return length;
}

bool ApplyDelta(std::span<const uint8_t> delta, uint8_t* page) {
  size_t word = 0;
  while (!delta.empty()) {
    if (delta.size() < 2) return false;
    const size_t stay = delta[0], follow = delta[1], bytes = follow * kWord;
    delta = delta.subspan(2);
    if (follow == 0 && stay != kMostWords) return false;
    word += stay;
    if (word + follow > kWords || bytes > delta.size()) return false;
    memcpy(page + word * kWord, delta.data(), bytes);
    delta = delta.subspan(bytes);
    word += follow;
  }
  return true;
}

bool NextDelta(std::span<const uint8_t>& stream, DeltaPage* page) {
  if (stream.size() < kDeltaHead) return false;
  const size_t length = stream[0] | static_cast<size_t>(stream[1]) << 8;
  if (length > kPageSize || length > stream.size() - kDeltaHead) return false;
  *page = {.bytes = stream.subspan(kDeltaHead, length), .is_whole = length == kPageSize};
  stream = stream.subspan(kDeltaHead + length);
  return true;
}

int PatchPages(int fd, bool is_file, const double* runs, size_t count, std::span<const uint8_t> stream,
               std::span<uint8_t> into, uint64_t* failed) {
  uint8_t* at = into.data();
  for (size_t i = 0; i < count; i++) {
    const auto start = static_cast<uint64_t>(runs[2 * i]);
    const auto pages = static_cast<size_t>(runs[2 * i + 1]) / kPageSize;
    if (pages > static_cast<size_t>(into.data() + into.size() - at) / kPageSize) return -EILSEQ;
    for (size_t page = 0; page < pages;) {
      // Old pages side by side are read at once.
      const std::span<const uint8_t> from = stream;
      DeltaPage next;
      size_t old = 0;
      bool is_whole = false;
      while (page + old < pages && !is_whole) {
        if (!NextDelta(stream, &next)) return -EILSEQ;
        is_whole = next.is_whole;
        if (!is_whole) old++;
      }
      *failed = start + page * kPageSize;
      const int error = old == 0 ? 0 : ReadBase(fd, is_file, *failed, at, old * kPageSize);
      if (error < 0) return error;
      std::span<const uint8_t> again = from;
      for (DeltaPage one; old > 0; old--, page++, at += kPageSize) {
        if (!NextDelta(again, &one) || !ApplyDelta(one.bytes, at)) return -EILSEQ;
      }
      if (!is_whole) continue;
      memcpy(at, next.bytes.data(), kPageSize);
      page++;
      at += kPageSize;
    }
  }
  return stream.empty() && at == into.data() + into.size() ? 0 : -EILSEQ;
}

}  // namespace godwit

#include "sys/pagemap_zero.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "sys/hash.h"
#include "sys/pagemap.h"

namespace godwit {
namespace {

constexpr uint64_t kHugeSize = 2 << 20;
constexpr uint64_t kHugePages = kHugeSize / kPageSize;

std::atomic<uint64_t> zero_frame{0};
std::atomic<uint64_t> huge_zero_frame{0};

// The mapping is never given back: it keeps the huge zero page, which is freed and made anew elsewhere when unused.
void Learn() {
  void* map = mmap(nullptr, 2 * kHugeSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return;
  const uint64_t aligned = (reinterpret_cast<uintptr_t>(map) + kHugeSize - 1) & ~(kHugeSize - 1);
  madvise(reinterpret_cast<void*>(aligned), kHugeSize, MADV_HUGEPAGE);
  [[maybe_unused]] volatile uint8_t touched = *reinterpret_cast<volatile uint8_t*>(aligned);
  touched = *reinterpret_cast<volatile uint8_t*>(aligned + kPageSize);
  uint64_t words[2] = {};
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && PagemapRead(fd, aligned, 2, words) == 2) {
    const uint64_t first = words[0] & kPagemapFrame, second = words[1] & kPagemapFrame;
    if (first != 0 && first == second) zero_frame = first;
    if (first != 0 && first + 1 == second) huge_zero_frame = first;
  }
  if (fd >= 0) close(fd);
  if (huge_zero_frame == 0) munmap(map, 2 * kHugeSize);
}

void LearnSmall() {
  void* map = mmap(nullptr, kPageSize, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return;
  madvise(map, kPageSize, MADV_NOHUGEPAGE);
  [[maybe_unused]] volatile uint8_t touched = *static_cast<volatile uint8_t*>(map);
  uint64_t word = 0;
  const int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd >= 0 && PagemapRead(fd, reinterpret_cast<uintptr_t>(map), 1, &word) == 1)
    zero_frame = word & kPagemapFrame;
  if (fd >= 0) close(fd);
  munmap(map, kPageSize);
}

}  // namespace

void LearnZeroFrames() {
  if (zero_frame == 0) LearnSmall();
  if (huge_zero_frame == 0) Learn();
}

bool IsZeroFrame(uint64_t frame) {
  if (frame == 0) return false;
  const uint64_t huge = huge_zero_frame;
  return frame == zero_frame || (huge != 0 && frame >= huge && frame < huge + kHugePages);
}

}  // namespace godwit

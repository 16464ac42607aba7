#include "sys/userfault.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "sys/hash.h"
#include "sys/pagemap.h"

namespace godwit {

int UffdApi(int fd, uint64_t features) {
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = features;
  return ioctl(fd, UFFDIO_API, &api) < 0 ? -errno : 0;
}

int UffdRegisterWp(int fd, uint64_t start, uint64_t length) {
  uffdio_register reg = {};
  reg.range = {.start = start, .len = length};
  reg.mode = UFFDIO_REGISTER_MODE_WP;
  return ioctl(fd, UFFDIO_REGISTER, &reg) < 0 ? -errno : 0;
}

int UffdUnregister(int fd, uint64_t start, uint64_t length) {
  uffdio_range range = {.start = start, .len = length};
  return ioctl(fd, UFFDIO_UNREGISTER, &range) < 0 ? -errno : 0;
}

namespace {

struct Range {
  uint64_t start;
  uint64_t end;
};

Range RangeAt(const double* pairs, size_t i) {
  const uint64_t start = static_cast<uint64_t>(pairs[2 * i]);
  return {start, start + static_cast<uint64_t>(pairs[2 * i + 1])};
}

/// PAGE_IS_WPALLOWED is a property of the mapping, so one page of it tells. 1, 0 or -errno.
int IsRegistered(int pagemap_fd, uint64_t start) {
  PageRegion region;
  const ScanQuery query = {.required = kPageIsWpAllowed, .returned = kPageIsWpAllowed};
  const ScanResult looked = PagemapScan(pagemap_fd, start, start + kPageSize, query, &region, 1);
  return looked.count < 0 ? static_cast<int>(looked.count) : looked.count > 0;
}

/// Removes write protection. What is not registered (any more) is the next call's business.
void Clear(int fd, Range range) {
  uffdio_writeprotect clear = {};
  clear.range = {.start = range.start, .len = range.end - range.start};
  ioctl(fd, UFFDIO_WRITEPROTECT, &clear);
}

bool IsSpaceGone(int error) { return error == -ENOMEM || error == -ESRCH; }

int Register(int fd, Range range) { return UffdRegisterWp(fd, range.start, range.end - range.start); }

}  // namespace

int UffdRegisterNew(int fd, int pagemap_fd, const Trackable& known, RegisterMode mode, int32_t* status) {
  const auto [ranges, stretches, count] = known;
  for (size_t i = 0; i < count; i++) {
    const int registered = mode.first ? 0 : IsRegistered(pagemap_fd, RangeAt(ranges, i).start);
    if (registered < 0) return registered;
    status[i] = registered == 0;
  }
  int fresh = 0;
  for (size_t i = 0, end; i < count; i = end) {
    // Where old protection may lie on what comes in place of a registered mapping, that must show as unregistered next time:
    // then a stretch ends there. Else it reaches over registered ones, too, which the kernel leaves as they are.
    const auto belongs = [&](size_t j) {
      return RangeAt(stretches, j).start == RangeAt(stretches, i).start && (!mode.clear || status[j] == 1);
    };
    bool any = status[i] == 1;
    for (end = i + 1; end < count && belongs(end) && (any || !mode.clear); end++) any |= status[end] == 1;
    if (!any) continue;
    Range whole = RangeAt(stretches, i);
    if (i > 0 && RangeAt(ranges, i - 1).end > whole.start) whole.start = RangeAt(ranges, i - 1).end;
    if (end < count && RangeAt(ranges, end).start < whole.end) whole.end = RangeAt(ranges, end).start;
    const int together = Register(fd, whole);
    if (IsSpaceGone(together)) return together;
    for (size_t j = i; j < end; j++) {
      if (status[j] == 0) continue;
      const int error = together == 0 ? 0 : Register(fd, RangeAt(ranges, j));
      if (IsSpaceGone(error)) return error;
      if (error != 0) status[j] = error;
      if (error != 0) continue;
      fresh++;
      if (mode.clear && !mode.first) Clear(fd, RangeAt(ranges, j));
    }
  }
  return fresh;
}

}  // namespace godwit

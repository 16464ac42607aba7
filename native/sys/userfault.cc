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

int UffdRegisterNew(int fd, int pagemap_fd, const double* ranges, size_t count, bool first, int32_t* status) {
  int fresh = 0;
  for (size_t i = 0; i < count; i++) {
    const uint64_t start = static_cast<uint64_t>(ranges[2 * i]);
    const uint64_t length = static_cast<uint64_t>(ranges[2 * i + 1]);
    status[i] = 0;
    if (!first) {  // PAGE_IS_WPALLOWED is a property of the mapping, so one page of it tells
      PageRegion region;
      const ScanQuery query = {.required = kPageIsWpAllowed, .returned = kPageIsWpAllowed};
      const ScanResult looked = PagemapScan(pagemap_fd, start, start + kPageSize, query, &region, 1);
      if (looked.count < 0) return static_cast<int>(looked.count);
      if (looked.count > 0) continue;
    }
    int error = UffdRegisterWp(fd, start, length);
    // Unregistering is what clears old write protection; nothing was known of this mapping, so nothing is lost.
    if (error == 0 && !first) {
      UffdUnregister(fd, start, length);
      error = UffdRegisterWp(fd, start, length);
    }
    if (error == -ENOMEM || error == -ESRCH) return error;
    status[i] = error == 0 ? 1 : error;
    if (error == 0) fresh++;
  }
  return fresh;
}

}  // namespace godwit

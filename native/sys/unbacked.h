// Blocks of 2 MiB whose page table is gone, looked for ahead: one word of pagemap for each block, 1 us each, while the agent has
// something else to do.
#pragma once

#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "sys/fd.h"

namespace godwit {

/// Whether the entry of the page says that its block has a page table: a page, a swapped page or a marker proves one. Returns 1, 0, or -errno
/// (ESRCH: the address space is gone).
int HasTable(int pagemap_fd, uint64_t page);

class UnbackedLook {
 public:
  /// Begins to look at these pages (ascending addresses), in a thread of its own. Of a frozen process: nothing may change meanwhile.
  UnbackedLook(int pagemap_fd, std::vector<uint64_t> pages);
  ~UnbackedLook();
  UnbackedLook(const UnbackedLook&) = delete;
  UnbackedLook& operator=(const UnbackedLook&) = delete;

  /// As HasTable; waits for the end of the look. Empty for a page that was not asked for.
  std::optional<int> Of(uint64_t page);

 private:
  void Join();

  Fd pagemap_;
  std::vector<uint64_t> pages_;
  std::vector<int> found_;
  std::thread thread_;
};

}  // namespace godwit

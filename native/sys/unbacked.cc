#include "sys/unbacked.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sys/pagemap.h"
#include "sys/signals_blocked.h"

namespace godwit {

int HasTable(int pagemap_fd, uint64_t page) {
  uint64_t word = 0;
  const ssize_t got = PagemapRead(pagemap_fd, page, 1, &word);
  if (got <= 0) return got < 0 ? static_cast<int>(got) : -ESRCH;
  return (word & (kPagemapPresent | kPagemapSwap)) != 0 ? 1 : 0;
}

UnbackedLook::UnbackedLook(int pagemap_fd, std::vector<uint64_t> pages)
    : pagemap_(fcntl(pagemap_fd, F_DUPFD_CLOEXEC, 0)), pages_(std::move(pages)), found_(pages_.size(), 0) {
  const auto look = [this] {
    for (size_t i = 0; i < pages_.size(); i++) found_[i] = HasTable(pagemap_.get(), pages_[i]);
  };
  if (!pagemap_.valid()) pages_.clear();  // whoever asks looks for himself
  if (pages_.empty()) return;
  try {
    const SignalsBlocked blocked;
    thread_ = std::thread(look);
  } catch (const std::system_error&) {
    pages_.clear();
  }
}

UnbackedLook::~UnbackedLook() { Join(); }

std::optional<int> UnbackedLook::Of(uint64_t page) {
  Join();
  const auto found = std::lower_bound(pages_.begin(), pages_.end(), page);
  if (found == pages_.end() || *found != page) return std::nullopt;
  return found_[static_cast<size_t>(found - pages_.begin())];
}

void UnbackedLook::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace godwit

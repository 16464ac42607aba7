// Whose rights to files this process uses for a moment: setfsuid(2) and its kin. With another ID than 0 the kernel takes the capabilities about
// files away, and gives them back (capabilities(7)). One thread, so the C library's calls will do.
#pragma once

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/types.h>
#include <unistd.h>

#include <optional>
#include <vector>

namespace godwit {

struct FileOwner {
  uid_t uid;
  gid_t gid;
};

class AsFileOwner {
 public:
  explicit AsFileOwner(const std::optional<FileOwner>& owner) : owner_(owner) {
    if (!owner_) return;
    const int count = getgroups(0, nullptr);
    groups_.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    if (count < 0 || getgroups(count, groups_.data()) != count || setgroups(0, nullptr) != 0) return;
    setfsgid(owner_->gid);
    setfsuid(owner_->uid);
    // Neither tells whether it has done anything, but what is set (setfsuid(2), "Bugs").
    is_owner_ = setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(owner_->uid) &&
                setfsgid(static_cast<gid_t>(-1)) == static_cast<int>(owner_->gid);
  }
  ~AsFileOwner() {
    if (!owner_) return;
    setfsuid(geteuid());
    setfsgid(getegid());
    setgroups(groups_.size(), groups_.data());
  }
  AsFileOwner(const AsFileOwner&) = delete;
  AsFileOwner& operator=(const AsFileOwner&) = delete;

  /** False: nothing may be done. */
  [[nodiscard]] bool is_ready() const { return !owner_ || is_owner_; }

 private:
  std::optional<FileOwner> owner_;
  std::vector<gid_t> groups_;
  bool is_owner_ = false;
};

}  // namespace godwit

// The commands of post-copy (target only):
//
//   post-copy space NAME (+ userfaultfd, + memory with ranges)   while STAGING
//   post-copy missing  -> memory                 post-copy connect  -> the worker's end of a stream (post_copy.h)
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "keeper/history.h"
#include "keeper/keeper.h"
#include "keeper/reply.h"
#include "keeper/text.h"
#include "sys/owner_word.h"

namespace godwit {

Reply Keeper::ExecutePostCopy(Request& request) {
  const std::string_view what = request.field(1);
  if (what == "connect") {
    const int fd = post_copy_.Connect();
    return fd < 0 ? Error(fd, "post-copy connect") : Reply{"ok", fd};
  }
  if (what == "missing") {
    const std::string text = post_copy_.Missing();
    looked_at_ = Fd(memfd_create("godwit-missing", MFD_CLOEXEC));
    const auto length = static_cast<ssize_t>(text.size());
    if (!looked_at_.valid() || pwrite(looked_at_.get(), text.data(), text.size(), 0) != length)
      return Error(-errno, "post-copy missing");
    return {"ok", looked_at_.get()};
  }
  std::uint64_t name = 0;
  if (what != "space" || !ParseNumber(request.field(2), name) || !request.fd.valid() ||
      request.more.size() != 1)
    return Error(-EINVAL, "post-copy");
  if (LoadWord(word_) != kStaging) return Error(-EPERM, "post-copy after STAGING");
  return OkOr(post_copy_.Add(name, std::move(request.fd), request.more[0].get()), "post-copy space");
}

void Keeper::ServePostCopy(const std::vector<pollfd>& entries, std::size_t first) {
  if (post_copy_.Serve(entries, first)) WriteHistory(options_, "post-copied", {});
}

}  // namespace godwit

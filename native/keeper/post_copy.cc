#include "keeper/post_copy.h"

#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "sys/userfault_missing.h"

namespace godwit {
namespace {

constexpr std::uint64_t kPage = 4096;
/** Between two looks while an event is on its way. */
constexpr int kSoonMs = 1;
constexpr int kMostTries = 2000;

void Nap() {
  constexpr timespec moment{0, 200'000};
  nanosleep(&moment, nullptr);
}

void AppendWord(std::string& out, std::uint64_t word) {
  out.append(reinterpret_cast<const char*>(&word), sizeof word);
}

}  // namespace

int PostCopy::Add(std::uint64_t source, Fd uffd, int ranges) {
  struct stat about{};
  if (fstat(ranges, &about) != 0) return -errno;
  const auto count = static_cast<std::size_t>(about.st_size) / 16;
  std::vector<std::uint64_t> words(2 * count);
  const auto length = static_cast<ssize_t>(words.size() * sizeof words[0]);
  if (pread(ranges, words.data(), static_cast<std::size_t>(length), 0) != length) return -EINVAL;
  auto space = std::make_unique<FaultSpace>();
  space->uffd = std::move(uffd);
  space->source = source;
  for (std::size_t i = 0; i < count; ++i) space->missing.Add({words[2 * i], words[2 * i] + words[2 * i + 1]});
  if (space->missing.empty()) return -EINVAL;
  spaces_.push_back(std::move(space));
  active_ = true;
  return 0;
}

void PostCopy::Clear() {
  spaces_.clear();
  HangUp();
  active_ = false;
}

std::uint64_t PostCopy::missing_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& space : spaces_) sum += space->missing.bytes();
  return sum;
}

std::string PostCopy::Missing() const {
  std::set<std::uint64_t> names;
  for (const auto& space : spaces_) names.insert(space->source);
  std::string text;
  for (const std::uint64_t name : names) {
    RangeSet all;
    for (const auto& space : spaces_)
      if (space->source == name) space->missing.AddSource(all);
    AppendWord(text, name);
    AppendWord(text, all.ranges().size());
    for (const auto& [start, end] : all.ranges()) {
      AppendWord(text, start);
      AppendWord(text, end - start);
    }
  }
  return text;
}

void PostCopy::AddTo(std::vector<pollfd>& entries) const {
  for (const auto& space : spaces_) entries.push_back({space->uffd.get(), POLLIN, 0});
  const auto events = static_cast<short>(out_.empty() ? POLLIN : POLLIN | POLLOUT);
  if (worker_.valid()) entries.push_back({worker_.get(), events, 0});
}

int PostCopy::patience_ms() const {
  if (given_.valid()) return 0;  // while it is open here, nobody would see the worker go
  const bool waits =
      std::any_of(spaces_.begin(), spaces_.end(), [](const auto& space) { return !space->deferred.empty(); });
  return waits ? kSoonMs : -1;
}

bool PostCopy::Serve(const std::vector<pollfd>& entries, std::size_t first) {
  given_.reset();
  for (std::size_t at = first; at < entries.size(); ++at) {
    if (entries[at].revents == 0) continue;
    // By number: serving one may have closed another, or made a new one of that number, which is looked at in vain then.
    const int fd = entries[at].fd;
    for (std::size_t i = 0; i < spaces_.size(); ++i)
      if (spaces_[i]->uffd.get() == fd) ReadEvents(*spaces_[i]);
  }
  LookAfterDeferred();
  if (worker_.valid()) TakeFrames();
  LookAfterDeferred();
  const bool completed = Settle();
  if (worker_.valid()) Flush();
  return completed;
}

/** Spaces that have everything, or are no more, are let go of: closing the descriptor takes the guard off. */
bool PostCopy::Settle() {
  std::erase_if(spaces_, [](const auto& space) { return space->gone || space->missing.empty(); });
  if (!spaces_.empty() || !active_) return false;
  active_ = false;
  Tell(kComplete, 0, 0);
  return true;
}

// The kernel hands out faults before events, and lets the process go on when an event is read. Faults are therefore looked after when no
// event waits; pages are put nowhere meanwhile (the kernel refuses with EAGAIN while a change is under way: mmap_changing).
void PostCopy::ReadEvents(FaultSpace& space) {
  for (;;) {
    std::array<uffd_msg, 32> messages;
    const ssize_t got = read(space.uffd.get(), messages.data(), sizeof messages);
    if (got <= 0) return;
    const auto count = static_cast<std::size_t>(got) / sizeof messages[0];
    for (std::size_t i = 0; i < count; ++i) {
      const uffd_msg& message = messages[i];
      const auto& [start, end] = message.arg.remove;
      if (message.event == UFFD_EVENT_PAGEFAULT)
        space.deferred.push_back(message.arg.pagefault.address & ~(kPage - 1));
      else if (message.event == UFFD_EVENT_FORK)
        Forked(space, static_cast<int>(message.arg.fork.ufd));
      else if (message.event == UFFD_EVENT_REMAP)
        Moved(space, message.arg.remap.from, message.arg.remap.to, message.arg.remap.len);
      else if (message.event == UFFD_EVENT_REMOVE || message.event == UFFD_EVENT_UNMAP)
        Removed(space, {start, end});
    }
  }
}

/** The child misses what its parent misses at this moment: until the event was read nothing was put anywhere. */
void PostCopy::Forked(const FaultSpace& parent, int uffd) {
  auto child = std::make_unique<FaultSpace>();
  child->uffd = Fd(uffd);
  child->source = parent.source;
  child->missing = parent.missing;
  spaces_.push_back(std::move(child));
}

// Whoever waits for a page there waits for one that will not come: it looks again, and finds what there is now.
void PostCopy::Moved(FaultSpace& space, std::uint64_t from, std::uint64_t to, std::uint64_t length) {
  space.missing.Move(from, to, length);
  UffdWake(space.uffd.get(), from, length);
}

void PostCopy::Removed(FaultSpace& space, PageRange range) {
  space.missing.Remove(range);
  UffdWake(space.uffd.get(), range.start, range.end - range.start);
}

void PostCopy::LookAfterDeferred() {
  for (std::size_t i = 0; i < spaces_.size(); ++i) {
    FaultSpace& space = *spaces_[i];
    const std::vector<std::uint64_t> touched = std::move(space.deferred);
    space.deferred.clear();
    for (const std::uint64_t address : touched) LookAfter(space, address);
  }
}

void PostCopy::LookAfter(FaultSpace& space, std::uint64_t address) {
  if (space.gone) return;
  if (space.missing.Has(address)) {
    const std::uint64_t page = space.missing.SourceOf(address);
    if (space.wanted.insert(page).second) Tell(kWanted, space.source, page);
    return;
  }
  // New memory, or given back: zeros are what is there. Or it has come meanwhile.
  const ssize_t put = UffdZero(space.uffd.get(), address, kPage);
  if (put == -EAGAIN || put == -ENOMEM) {
    space.deferred.push_back(address);
    ReadEvents(space);
  } else if (put == -ESRCH) {
    space.gone = true;
  } else if (put < 0) {
    UffdWake(space.uffd.get(), address, kPage);
  }
}

/** Pages of the source, to whoever misses them. `pages` null: zeros. 0 or -errno. */
int PostCopy::Deliver(std::uint64_t source, PageRange range, const std::uint8_t* pages) {
  // Spaces may be added meanwhile, whose missing pages are those of one that is not done yet, and come behind it.
  for (std::size_t i = 0; i < spaces_.size(); ++i) {
    FaultSpace& space = *spaces_[i];
    if (space.source != source || space.gone) continue;
    for (int tries = 0;; ++tries) {
      int error = 0;
      for (const MissingPages::Place& place : space.missing.Wanting(range)) {
        error = Put(space, place, pages == nullptr ? nullptr : pages + (place.source - range.start));
        if (error != 0) break;
      }
      if (error == 0 || space.gone) break;
      if (error != -EAGAIN || tries == kMostTries) return error;
      // Some process is about to fork or to map: its event may change where these are to go.
      ReadEvents(space);
      if (tries > 1) Nap();
    }
    for (auto page = space.wanted.lower_bound(range.start); page != space.wanted.end() && *page < range.end;)
      page = space.wanted.erase(page);
  }
  return 0;
}

/** 0 or -errno: -EAGAIN, -ENOMEM. What is there or mapped no more counts as done. */
int PostCopy::Put(FaultSpace& space, const MissingPages::Place& place, const std::uint8_t* pages) {
  const int fd = space.uffd.get();
  std::uint64_t most = place.range.end - place.range.start;
  for (std::uint64_t at = place.range.start; at < place.range.end;) {
    const std::uint64_t length = std::min(most, place.range.end - at);
    const auto try_once = [&] {
      return pages == nullptr ? UffdZero(fd, at, length)
                              : UffdCopy(fd, at, pages + (at - place.range.start), length);
    };
    ssize_t put = try_once();
    // The kernel looks for the mapping before it looks whether mappings are changing (mfill_atomic, mm/userfaultfd.c): what mremap has just
    // taken away is not gone, and its event is on its way. Asked again it says so, by EAGAIN.
    if (put == -ENOENT || put == -EEXIST) put = try_once();
    if (put > 0) {
      space.missing.Remove({at, at + static_cast<std::uint64_t>(put)});
      at += static_cast<std::uint64_t>(put);
    } else if (put == -ESRCH) {
      space.gone = true;
      return 0;
    } else if (put == -EAGAIN || put == -ENOMEM) {
      return static_cast<int>(put);
    } else if (length > kPage) {
      most = kPage;  // more than one mapping, for example: ENOENT
    } else {
      space.missing.Remove({at, at + kPage});
      UffdWake(fd, at, kPage);
      at += kPage;
    }
  }
  return 0;
}

}  // namespace godwit

// Post-copy on the target: the tree runs, and some of its pages are still on the source. Who touches one waits (userfaultfd) until a worker
// has brought it. All that matters lies here, in the process that outlives agents: the descriptors, what is missing, and what processes have
// done with it since (fork, mremap, madvise, munmap). So a worker that dies, or a link that is cut, makes threads wait and never lets
// them read zeros; the next worker asks what is still missing and goes on.
//
// A worker is connected by a stream of frames (little endian):
//
//   to the keeper    u32 kind (1 pages, 2 zeros)   u32 runs   u64 space   u64 bytes of payload
//                    runs x (f64 start, f64 length): addresses of the source; then the pages, one after the other
//   to the worker    u32 kind   u32 0   u64 space   u64 value
//                    1 wanted: somebody waits for the page at `value`    2 applied: a frame; `value` bytes are missing
//                    3 complete: nothing is missing any more             4 failed: the frame could not be applied, -errno
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "keeper/missing_pages.h"
#include "keeper/server.h"
#include "sys/fd.h"

namespace godwit {

/** What a worker is told. */
enum : std::uint32_t { kWanted = 1, kApplied = 2, kComplete = 3, kFailed = 4 };

/** One address space that misses pages. */
struct FaultSpace {
  Fd uffd;
  /** By which name the source knows the space whose pages it misses. */
  std::uint64_t source = 0;
  MissingPages missing;
  /** Pages that somebody waits for and the worker was told of: addresses of the source. */
  std::set<std::uint64_t> wanted;
  /** Touched pages that could not be looked after yet: an event is on its way that may concern them. */
  std::vector<std::uint64_t> deferred;
  bool gone = false;
};

class PostCopy {
 public:
  /**
   * From now on this space misses the ranges in `ranges` (pairs of u64: start, length). Preconditions: `uffd` is registered there, in
   * MISSING mode, with events, and does not block. 0 or -errno.
   */
  int Add(std::uint64_t source, Fd uffd, int ranges);
  /** A descriptor for a new worker, which stays ours until the next Serve; the worker before it is cut off. Negative errno. */
  int Connect();
  /** All that is missing: for each space u64 name, u64 count, count x (u64 start, u64 length), addresses of the source. */
  [[nodiscard]] std::string Missing() const;
  [[nodiscard]] std::uint64_t missing_bytes() const;
  /** The tree is dead. */
  void Clear();

  void AddTo(std::vector<pollfd>& entries) const;
  /** Serves what poll has found from `entries[first]` on, where AddTo put it. True: this made it complete. */
  bool Serve(const std::vector<pollfd>& entries, std::size_t first);
  /** Milliseconds after which Serve should be called although nothing has happened; -1: none. */
  [[nodiscard]] int patience_ms() const;

 private:
  void ReadEvents(FaultSpace& space);
  void Forked(const FaultSpace& parent, int uffd);
  static void Moved(FaultSpace& space, std::uint64_t from, std::uint64_t to, std::uint64_t length);
  static void Removed(FaultSpace& space, PageRange range);
  void LookAfter(FaultSpace& space, std::uint64_t address);
  void LookAfterDeferred();
  int Deliver(std::uint64_t source, PageRange range, const std::uint8_t* pages);
  int Put(FaultSpace& space, const MissingPages::Place& place, const std::uint8_t* pages);
  void TakeFrames();
  void Apply();
  void Tell(std::uint32_t kind, std::uint64_t space, std::uint64_t value);
  void Flush();
  void HangUp();
  bool Settle();

  std::vector<std::unique_ptr<FaultSpace>> spaces_;
  Fd worker_;
  Fd given_;
  std::vector<std::uint8_t> in_;
  std::size_t in_size_ = 0;
  std::string out_;
  bool active_ = false;
};

}  // namespace godwit

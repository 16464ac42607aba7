#include <algorithm>
#include <cstring>
#include <vector>

#include "sys/hash.h"
#include "sys/pages.h"
#include "sys/pages_transfer.h"

namespace godwit {
namespace {

enum PageState : uint8_t { kKeep = 0, kGone = 1, kZero = 2 };

// Emits the runs of a block by the state of its pages and closes the gaps in the payload.
class Packer {
 public:
  Packer(uint8_t* payload, double* kept, double* zero, size_t room, PageRead* result)
      : payload_(payload), kept_(kept, room), zero_(zero, room), result_(result) {}

  void Page(uint64_t address, const uint8_t* at, PageState state) {
    if (state == kGone) {
      result_->gone_pages++;
    } else if (state == kZero) {
      zero_.Add(address, address + kPageSize);
      result_->zero_pages++;
    } else {
      kept_.Add(address, address + kPageSize);
      if (payload_ + result_->payload != at) memmove(payload_ + result_->payload, at, kPageSize);
      result_->payload += kPageSize;
    }
  }
  void Finish() {
    result_->kept_runs = kept_.count();
    result_->zero_runs = zero_.count();
  }

 private:
  uint8_t* payload_;
  RunWriter kept_;
  RunWriter zero_;
  PageRead* result_;
};

}  // namespace

int ReadPages(pid_t pid, int mem_fd, int pagemap_fd, const double* runs, size_t count, OwnedCursor& cursor,
              uint8_t* payload, size_t payload_size, double* kept, double* zero, PageRead* result) {
  static thread_local std::vector<double> pieces;
  static thread_local std::vector<uint8_t> states;
  const size_t room = payload_size / kPageSize;
  pieces.clear();
  size_t size = 0;
  while (cursor.range < count && size < room * kPageSize) {
    const uint64_t start = std::max(cursor.address, RunStart(runs, cursor.range));
    const uint64_t end = RunStart(runs, cursor.range) + RunLength(runs, cursor.range);
    const uint64_t length = std::min<uint64_t>(end - start, room * kPageSize - size);
    if (length > 0) {
      pieces.push_back(static_cast<double>(start));
      pieces.push_back(static_cast<double>(length));
    }
    size += length;
    cursor.address = start + length < end ? start + length : 0;
    if (cursor.address == 0) cursor.range++;
  }
  *result = {};
  states.assign(room, kKeep);
  const int error =
      ReadAllRuns(pid, mem_fd, pagemap_fd, pieces.data(), pieces.size() / 2, payload, size, states.data());
  if (error < 0) return error;
  Packer packer(payload, kept, zero, room, result);
  const uint8_t* at = payload;
  for (size_t i = 0; i < pieces.size() / 2; i++) {
    const uint64_t end = RunStart(pieces.data(), i) + RunLength(pieces.data(), i);
    for (uint64_t address = RunStart(pieces.data(), i); address < end;
         address += kPageSize, at += kPageSize) {
      const bool gone = states[static_cast<size_t>(at - payload) / kPageSize] == kGone;
      packer.Page(address, at, gone ? kGone : IsZeroPage(at) ? kZero : kKeep);
    }
  }
  packer.Finish();
  return 0;
}

int ReadChanged(int fd, uint64_t offset, size_t size, uint64_t* hashes, uint8_t* payload, double* kept,
                double* zero, PageRead* result) {
  static const uint8_t zeros[kPageSize] = {};
  static const uint64_t zero_hash = Xxh3(zeros, kPageSize);
  *result = {};
  const ssize_t got = ReadMem(fd, offset, payload, size);
  if (got < 0) return static_cast<int>(got);
  // A file that ends inside a page: what lies behind its end reads as zeros when mapped.
  const size_t pages = (static_cast<size_t>(got) + kPageSize - 1) / kPageSize;
  memset(payload + got, 0, pages * kPageSize - static_cast<size_t>(got));
  Packer packer(payload, kept, zero, size / kPageSize, result);
  for (size_t i = 0; i < pages; i++) {
    const uint8_t* at = payload + i * kPageSize;
    const uint64_t hash = Xxh3(at, kPageSize);
    const uint64_t known = hashes[i] == 0 ? zero_hash : hashes[i];  // never sent: the target has a hole there
    if (hash == known) continue;
    hashes[i] = hash;
    packer.Page(offset + i * kPageSize, at, hash == zero_hash && IsZeroPage(at) ? kZero : kKeep);
  }
  packer.Finish();
  return 0;
}

}  // namespace godwit

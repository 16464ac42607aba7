// Copies pages between the agent and another process: process_vm_readv and process_vm_writev in batches, and
// /proc/PID/mem for what those refuse with EFAULT (PROT_NONE, write-only, copy-on-write of read-only file pages). Runs are
// pairs [start, length in bytes]; local memory is contiguous. Expected ends are return values, nothing throws.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "sys/pagemap.h"

namespace godwit {

/// Reads the runs into `out`, one after the other, until one faults or `out` is full. Returns bytes, -errno if none.
ssize_t ReadMemory(pid_t pid, const double* runs, size_t count, uint8_t* out, size_t size);

/// Writes the runs from `data`; as ReadMemory.
ssize_t WriteMemory(pid_t pid, const double* runs, size_t count, const uint8_t* data, size_t size);

/// pread and pwrite of an open /proc/PID/mem until all is moved or a page refuses. Returns bytes, -errno if none.
ssize_t ReadMem(int fd, uint64_t address, uint8_t* out, size_t size);
ssize_t WriteMem(int fd, uint64_t address, const uint8_t* data, size_t size);

/// As WriteMemory, with /proc/PID/mem where it faults. All or error: 0, or -errno with *failed the address.
int WritePages(pid_t pid, int mem_fd, const double* runs, size_t count, const uint8_t* data,
               uint64_t* failed);

/// As WritePages, but leaves pages alone that have this content already: they stay shared by copy-on-write.
/// `data` null means zeros. Returns pages written, or -errno with *failed the address.
ssize_t WriteDifferent(pid_t pid, int mem_fd, const double* runs, size_t count, const uint8_t* data,
                       uint64_t* failed);

struct PageRead {
  size_t kept_runs = 0;
  size_t payload = 0;  // bytes
  size_t zero_runs = 0;
  size_t zero_pages = 0;
  size_t gone_pages = 0;  // unmapped meanwhile: another round, or the stale set, deals with them
};

/// Fills one block: reads pages from `cursor` on until the block is full or the runs end, moves pages of zeros out of it,
/// and says what it holds. `kept` and `zero` have room for as many runs as `payload` has pages. 0 or -errno (ESRCH).
int ReadPages(pid_t pid, int mem_fd, int pagemap_fd, const double* runs, size_t count, OwnedCursor& cursor,
              uint8_t* payload, size_t payload_size, double* kept, double* zero, PageRead* result);

/// The same for a file (a shared object) at one place: pages whose hash differs from `hashes` are kept, their new hash is
/// noted. `hashes[i]` belongs to the page at offset + i pages; 0 means never sent. Returns 0 or -errno.
int ReadChanged(int fd, uint64_t offset, size_t size, uint64_t* hashes, uint8_t* payload, double* kept,
                double* zero, PageRead* result);

/// fallocate(PUNCH_HOLE | KEEP_SIZE). 0 or -errno.
int PunchHole(int fd, uint64_t offset, uint64_t length);

/// Where data begins at or behind `offset`, and where it ends (lseek SEEK_DATA, SEEK_HOLE). 0, or -errno (ENXIO: none).
int SeekData(int fd, uint64_t offset, uint64_t* start, uint64_t* end);

}  // namespace godwit

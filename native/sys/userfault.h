// userfaultfd in asynchronous write-protect mode (Linux 6.7: UFFD_FEATURE_WP_ASYNC). The descriptor belongs to another
// process; every ioctl here is made by the agent while that process runs. No policy: what to register is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace godwit {

/// UFFDIO_API with the given UFFD_FEATURE_* bits. 0 or -errno (EINVAL: the kernel lacks a feature, or done before).
int UffdApi(int fd, uint64_t features);

/// UFFDIO_REGISTER in write-protect mode. 0 or -errno (EINVAL: a mapping that cannot be tracked, EBUSY: registered with
/// another userfaultfd, ENOMEM: the address space is gone). All or nothing over the whole range.
int UffdRegisterWp(int fd, uint64_t start, uint64_t length);

int UffdUnregister(int fd, uint64_t start, uint64_t length);

/// Mappings to be tracked, and the stretch of addresses around each that holds nothing else which was mapped: pairs
/// [start, length], ascending. Neighbours with nothing untrackable between them have the same stretch.
///
///   other |......[ mapping ]...[ mapping ]........| other
///         ^ ---------- stretch of both ---------- ^
struct Trackable {
  const double* ranges;
  const double* stretches;
  size_t count;
};

struct RegisterMode {
  /// Nothing can be registered by us yet, so nothing is taken for ours that another userfaultfd tracks.
  bool first;
  /// Before Linux 6.13 mremap carried old write protection along, and pages moved here would look clean: it is cleared.
  bool clear;
};

/// For each range: leaves it alone if it is registered already (status 0), else registers it (status 1) or says why not
/// (status -errno). The process runs meanwhile, and may have mapped something larger in place of a range: a part of that
/// would be split off by the kernel, and its next mremap fail with EFAULT. So whole stretches are registered, in which
/// the kernel takes what it finds, under one lock. Returns how many were registered now, or -errno when the address space
/// is gone.
int UffdRegisterNew(int fd, int pagemap_fd, const Trackable& known, RegisterMode mode, int32_t* status);

}  // namespace godwit

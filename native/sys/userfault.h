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

/// For each range [start, length]: leaves it alone if it is registered already (status 0), else registers it (status 1)
/// or says why not (status -errno). Each range must lie in one mapping, which is registered whole or not at all.
/// `first`: nothing can be registered by us yet, so nothing is taken for ours that another userfaultfd tracks.
/// Later a mapping registered now is first cleared of old write protection: before Linux 6.13 mremap carried it along, and
/// pages moved here would look clean.
/// Returns how many were registered now, or -errno when the address space is gone.
int UffdRegisterNew(int fd, int pagemap_fd, const double* ranges, size_t count, bool first, int32_t* status);

}  // namespace godwit

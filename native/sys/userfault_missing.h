// userfaultfd in MISSING mode: whoever touches a page that is not there waits until somebody brings it. For post-copy: the descriptor
// belongs to a process of the tree, its owner here is the keeper. No policy. Facts: userfaultfd(2), ioctl_userfaultfd(2).
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace godwit {

/// UFFDIO_REGISTER of whole mappings. 0 or -errno. All or nothing over the whole range.
int UffdRegisterMissing(int fd, uint64_t start, uint64_t length);

/// Each puts pages where none are and wakes who waits for them. Bytes of whole pages, at least one, or -errno: EEXIST (there is a page),
/// ENOENT (nothing registered is mapped over all of it), EAGAIN (an event waits to be read that may concern these addresses),
/// ESRCH (the address space is gone), ENOMEM.
ssize_t UffdCopy(int fd, uint64_t to, const void* from, uint64_t length);
ssize_t UffdZero(int fd, uint64_t start, uint64_t length);

/// Who waits there looks again.
void UffdWake(int fd, uint64_t start, uint64_t length);

}  // namespace godwit

// Classic socket filters (socket(7), SO_ATTACH_FILTER).
#pragma once

#include <cstddef>
#include <span>

namespace godwit {

/** `program`: struct sock_filter, one behind the other. 0 or -errno; -EINVAL: it is no program, or the kernel does not take it. */
int AttachFilter(int socket, std::span<const std::byte> program);

}  // namespace godwit

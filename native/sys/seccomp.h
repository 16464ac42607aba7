// Seccomp filters of a ptrace-stopped task, oldest first. Wants CAP_SYS_ADMIN, and an agent without filters of its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace godwit {

/**
 * PTRACE_SECCOMP_GET_FILTER (Linux 4.4): writes `struct sock_filter`s of 8 bytes. Returns how many there are; nothing is
 * written where `out` is too short. -EINVAL: the task has no filters; -ENOENT: not so many.
 */
int GetSeccompFilter(pid_t tid, unsigned index, std::span<std::byte> out);
/** PTRACE_SECCOMP_GET_METADATA (Linux 4.16): SECCOMP_FILTER_FLAG_LOG or 0. */
int GetSeccompFlags(pid_t tid, unsigned index);

}  // namespace godwit

// Protection keys of memory (pkeys(7)), and PKRU: what a thread may do to memory by the key that it has.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace godwit {

/// Whether the kernel has switched them on (CPUID leaf 7, OSPKE).
bool HasProtectionKeys();
/// The last page of what 5-level paging could address, where nothing can ever be mapped (TASK_SIZE_MAX ends before it,
/// arch/x86/include/asm/page_64.h).
inline constexpr std::uint64_t kNeverMapped = (1ULL << 56) - 4096;

/// The word in a thread's extended state (NT_X86_XSTATE, component 9). Preconditions: HasProtectionKeys.
std::span<std::byte> PkruIn(std::span<std::byte> xstate);
/// Whether a ptrace-stopped thread may not read, or not write, memory with key 0: all that has no other, and all of ours. 0, 1, or a
/// negative errno.
int IsBarredFromKeyZero(pid_t tid);

}  // namespace godwit

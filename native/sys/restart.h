// System calls that a ptrace stop interrupted. kernel: include/linux/errno.h, signal(7).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "sys/tracee.h"

namespace godwit {

/**
 * What to give SETREGS so that a stopped thread goes on as if nobody had looked. The kernel itself restarts -512..-516,
 * but epoll_wait and its kin return plain -EINTR on a stop (signal(7)): those are issued again, unless a signal is
 * there that a handler will take, or a stop by SIGSTOP and its kin is what has ended them.
 */
Registers Undisturbed(pid_t tid, const Registers& stopped, std::uint64_t mask);

/** Lets stopped threads go on as if nobody had looked, at once as far as ptrace can. One that has died needs nothing. */
void LetGo(std::span<const std::int32_t> tids);

/**
 * The same for code that jumps back by itself, without the kernel's help: every interrupted call is turned into its
 * own restart (rip on the `syscall` instruction again).
 */
Registers SelfRestarting(const Registers& undisturbed);

}  // namespace godwit

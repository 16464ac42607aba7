// Remote programs in shells: processes of our own that are turned into the tree's. A shell whose agent dies is killed
// (PTRACE_O_EXITKILL), so nothing here needs to cure itself.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

namespace godwit {

/**
 * Executes `count` operations at `program` in a stopped shell that has scratch memory (ops.h) at `base`. Tasks born in it
 * stop before their first instruction; their PIDs go to `born`. Returns the number of tasks born, or a negative errno
 * (-ECHILD: the shell died, -EPROTO: it stopped where it should not, -E2BIG: more were born than fit).
 */
int RunShell(pid_t tid, std::uint64_t base, std::uint64_t program, std::uint64_t count,
             std::span<std::int32_t> born);

/** One system call by a single step over the `syscall` instruction at `address`. */
std::int64_t StepSyscall(pid_t tid, std::uint64_t address, std::uint64_t number,
                         const std::uint64_t (&args)[6]);

}  // namespace godwit

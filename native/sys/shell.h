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

/** A program for one shell of several. */
struct ShellRun {
  pid_t tid = 0;
  std::uint64_t program = 0;
  std::uint64_t count = 0;
};

/**
 * The same in several shells at once, each with a place of its own for its program; no tasks may be born. Results as of RunShell, for each
 * run. Nothing is waited for until all of them run: so they take the time of one switch to and fro, not of one each.
 */
void RunShells(std::uint64_t base, std::span<const ShellRun> runs, std::span<std::int32_t> results);

/** One system call by a single step over the `syscall` instruction at `address`. */
std::int64_t StepSyscall(pid_t tid, std::uint64_t address, std::uint64_t number,
                         const std::uint64_t (&args)[6]);

/** The same call in several shells at once, each by the instruction at its own address. */
void StepSyscalls(std::span<const std::int32_t> tids, std::span<const double> addresses, std::uint64_t number,
                  const std::uint64_t (&args)[6], std::span<std::int64_t> results);

}  // namespace godwit

// The clock of one CPU's run queue, by which the scheduler notes when a task last ran (se.exec_start).
#pragma once

#include <cstdint>
#include <optional>

namespace godwit {

/// How far that clock is ahead of CLOCK_MONOTONIC on `cpu`, in nanoseconds (mostly behind it: it counts neither what the hypervisor
/// stole from this CPU nor, where the kernel accounts for it, its interrupts; rq_clock_task, kernel/sched/core.c). A little less than
/// it is, never more: what is computed from it lies late, not early. Nothing where no thread of ours may run there, or where
/// the kernel does not tell (no CONFIG_SCHED_DEBUG). Blocks for a tenth of a millisecond.
std::optional<std::int64_t> SchedulerAhead(int cpu);

}  // namespace godwit

// Restartable sequences: rseq(2), Linux 4.18; include/uapi/linux/rseq.h.
#pragma once

#include <sys/types.h>

namespace godwit {

/**
 * A thread that was stopped inside of a critical section is moved to the section's abort handler, as if it had been preempted there.
 * Else the kernel would forget the section while the thread runs something else for us (it clears rseq_cs when the thread returns to
 * user mode outside of it, kernel/rseq.c), and the thread would go on in a section that nobody guards any more, perhaps on
 * another CPU. Returns 1 when it was moved, 0 when there was no need, or a negative errno. Preconditions: ptrace-stopped.
 */
int LeaveRseqSection(pid_t tid);

}  // namespace godwit

// What /proc tells of a process's threads by a descriptor of its directory, which stays bound to that very process.
#pragma once

#include <sys/types.h>

#include <vector>

namespace godwit {

/** Its TIDs; none: it is gone. */
std::vector<pid_t> ThreadsOf(int directory);

/** It is on a processor, or waits for one. */
bool Runs(int directory, pid_t tid);

bool IsChildOfOurs(int directory);

/**
 * When a child of a traced thread ends, the kernel sends SIGCHLD although that is ignored (sig_ignored in kernel/signal.c), and it would
 * wake another thread of the process out of its epoll_wait.
 */
bool ChildrenWouldShow(pid_t pid, pid_t tid);

}  // namespace godwit

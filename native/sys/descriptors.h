// The descriptors of a process as /proc shows them, all in one pass: in the freeze each one counts.
#pragma once

#include <sys/types.h>

#include <string>

namespace godwit {

/**
 * For each descriptor, in no order, three texts that each end with a zero byte: its number, where /proc/PID/fd/N links to,
 * and the content of /proc/PID/fdinfo/N. One that is closed meanwhile is left out. Returns 0 or a negative errno (-ENOENT:
 * the process is gone).
 */
int ReadDescriptors(pid_t pid, std::string& out);

}  // namespace godwit

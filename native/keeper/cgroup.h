// cgroup v2, as far as a fence needs it. Every function returns 0 or a negative errno; all of them may be repeated.
#pragma once

#include <string>

namespace godwit {

/** Makes the directory; one that a dead keeper left empty is taken over. */
int MakeCgroup(const std::string& dir);
int ThawCgroup(const std::string& dir);
/** SIGKILL to all processes: cgroup.kill (Linux 5.14), or kill(2) until no fork escapes. Frozen ones die too. */
int KillCgroup(const std::string& dir);
/** Waits until no live task is left (zombies do not count), at most `timeout_ms`. */
int WaitEmptyCgroup(const std::string& dir, int timeout_ms);
/** Moves every process that is visible here to `to`, again and again until none is left. */
int VacateCgroup(const std::string& dir, const std::string& to);
/** rmdir(2), which fails with EBUSY for a moment after the last task has gone. A missing one is fine. */
int RemoveCgroup(const std::string& dir);

}  // namespace godwit

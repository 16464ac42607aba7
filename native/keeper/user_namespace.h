// A user namespace for the agent of a plain user who receives trees: in it the agent may make PID, mount and time namespaces and choose
// PIDs, which is what building a tree takes. IDs are the same inside and outside.
#pragma once

namespace godwit {

/**
 * Executes `command` in a new user namespace, in which it has all capabilities; each of the caller's IDs is mapped to itself, all others
 * are nobody's (user_namespaces(7), capabilities(7): ambient ones survive execve). Must be called by a process with one thread.
 * Returns only on failure: a negative errno, and in `what` the step.
 */
int ExecInUserNamespace(char** command, const char*& what);

}  // namespace godwit

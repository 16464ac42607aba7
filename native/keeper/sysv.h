// System V IPC objects that an agent has made, or that a tree leaves behind: they live until somebody removes them.
#pragma once

#include <string_view>

namespace godwit {

struct SysvObject {
  enum class Kind { kShm, kSem, kMsg };
  Kind kind = Kind::kShm;
  int id = 0;
  int key = 0;
};

/** "shm", "sem" or "msg". */
bool ParseSysvKind(std::string_view text, SysvObject::Kind& out);

/** Nobody has this ID now. */
bool IsSysvFree(const SysvObject& object);

/**
 * Removes it if it still has its key: with another one it is somebody else's. `unused_only`: a segment that a process has attached
 * stays. 0, also when there is nothing to be removed, or a negative errno.
 */
int RemoveSysv(const SysvObject& object, bool unused_only);

}  // namespace godwit

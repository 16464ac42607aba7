#include "keeper/user_namespace.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "keeper/text.h"

namespace godwit {
namespace {

/** A single line of a map: an ID and itself. The kernel allows it to a process without rights for its own ID only. */
std::string OwnId(unsigned id) {
  const std::string text = std::to_string(id);
  return text + " " + text + " 1";
}

/** execve(2) of a user other than root drops what is not ambient, and only inheritable capabilities can be. */
int KeepCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2]{};
  if (syscall(SYS_capget, &header, sets) != 0) return -errno;
  for (auto& set : sets) set.inheritable = set.permitted;
  if (syscall(SYS_capset, &header, sets) != 0) return -errno;
  for (unsigned capability = 0; capability < 64; ++capability) {
    const bool has = (sets[capability / 32].permitted >> (capability % 32) & 1U) != 0;
    if (has && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0) return -errno;
  }
  return 0;
}

}  // namespace

int ExecInUserNamespace(char** command, const char*& what) {
  const std::string uids = OwnId(geteuid());
  const std::string gids = OwnId(getegid());
  what = "cannot make a user namespace";
  if (unshare(CLONE_NEWUSER) != 0) return -errno;
  what = "cannot map the IDs of the user namespace";
  // Without rights outside a group map can be written only when the supplementary groups cannot change any more.
  if (const int error = WriteFile("/proc/self/setgroups", "deny"); error != 0) return error;
  if (const int error = WriteFile("/proc/self/uid_map", uids); error != 0) return error;
  if (const int error = WriteFile("/proc/self/gid_map", gids); error != 0) return error;
  what = "cannot keep the capabilities of the user namespace";
  if (const int error = KeepCapabilities(); error != 0) return error;
  execv(command[0], command);
  what = "cannot execute the agent in its user namespace";
  return -errno;
}

}  // namespace godwit

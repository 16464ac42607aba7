// What the agent tells the keeper on its command line.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace godwit {

enum class Role { kSource, kTarget };

struct Options {
  Role role = Role::kSource;
  std::string id;
  std::string dir;     // of the migration; made by the keeper, removed by it at the end
  std::string cgroup;  // v2 cgroup below which the keeper makes its own, and the target's fence
  std::string home;  // v2 cgroup that the agent sits in: where the keeper steps to before it removes its own
  std::string history;  // file for people, appended to; empty: none
  pid_t agent = 0;
  int ready_fd = -1;            // gets "ok" or "error<TAB>errno<TAB>text" once, then is closed
  std::vector<char*> resolver;  // argv, ended by nullptr; empty: none

  [[nodiscard]] const char* role_name() const { return role == Role::kSource ? "source" : "target"; }
  [[nodiscard]] std::string fence() const { return cgroup + "/godwit-" + id + "-" + role_name(); }
  [[nodiscard]] std::string own_cgroup() const { return cgroup + "/godwit-keeper-" + id + "-" + role_name(); }
};

/** Reads `--name value` pairs; what follows `--` is the resolver. Returns what is wrong, or nullptr. */
const char* ParseOptions(int argc, char** argv, Options& out);

}  // namespace godwit

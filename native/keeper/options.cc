#include "keeper/options.h"

#include <cstring>

#include "keeper/text.h"

namespace godwit {

const char* ParseOptions(int argc, char** argv, Options& out) {
  int at = 1;
  for (; at < argc && std::strcmp(argv[at], "--") != 0; at += 2) {
    const std::string_view name = argv[at];
    if (at + 1 >= argc) return "an option without a value";
    const char* value = argv[at + 1];
    if (name == "--role" && std::strcmp(value, "source") == 0)
      out.role = Role::kSource;
    else if (name == "--role" && std::strcmp(value, "target") == 0)
      out.role = Role::kTarget;
    else if (name == "--id")
      out.id = value;
    else if (name == "--dir")
      out.dir = value;
    else if (name == "--cgroup")
      out.cgroup = value;
    else if (name == "--home")
      out.home = value;
    else if (name == "--history")
      out.history = value;
    else if (name == "--agent-pid" && ParseNumber(value, out.agent))
      ;
    else if (name == "--ready-fd" && ParseNumber(value, out.ready_fd))
      ;
    else
      return "an option that is not known, or a value that cannot be meant";
  }
  if (at < argc) {
    out.resolver.assign(argv + at + 1, argv + argc);
    if (!out.resolver.empty()) out.resolver.push_back(nullptr);
  }
  const bool id_ok = !out.id.empty() && out.id.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789-_") == std::string::npos;
  if (!id_ok) return "--id must be letters, digits, - and _";
  if (out.dir.empty() || out.dir[0] != '/') return "--dir must be an absolute path";
  if (out.cgroup.empty() || out.cgroup[0] != '/') return "--cgroup must be an absolute path";
  if (out.agent <= 0) return "--agent-pid must be a PID";
  return nullptr;
}

}  // namespace godwit

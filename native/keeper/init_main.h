// What runs inside the init itself. See init.h.
#pragma once

#include <cstdint>

namespace godwit {

std::uint64_t InitCloneFlags();
[[noreturn]] void InitMain(const std::uint64_t* word, int channel, int cgroup_fd, int agent_pidfd);

}  // namespace godwit

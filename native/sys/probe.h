// Feature probes: each tries a facility of the kernel and says 0 (works for this user), or -errno. What could change or
// kill a process is done in a throw-away child. No policy: what an absence costs is said in src/kernel/probes.
#pragma once

#include <cstdint>
#include <string_view>

namespace godwit {

/// Runs the probe of that name (see kProbes in probe.cc). -EINVAL: there is none.
int RunProbe(std::string_view name);

/// Freezes and thaws a child in a new cgroup `directory` (made and removed here).
int ProbeFreezer(const char* directory);

/// Bytes of zeros at the end of this process's vdso, or -errno (ENOENT: there is no vdso).
int VdsoTail();

/// Bytes of the extended state that XCR0 enables (NT_X86_XSTATE); 512 without XSAVE.
std::uint32_t XsaveSize();
/// XCR0; 0 without XSAVE.
std::uint64_t XsaveFeatures();

}  // namespace godwit

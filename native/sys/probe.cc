#include "sys/probe.h"

#include <cpuid.h>
#include <netinet/in.h>

#include <cerrno>
#include <vector>

#include "sys/probe_parts.h"
#include "sys/sock_diag.h"

namespace godwit {
namespace {

int UnixDiagWorks() {
  std::vector<UnixSocket> sockets;
  return ListUnixSockets(0, sockets);
}

int InetDiagWorks() {
  std::vector<InetSocket> sockets;
  const int tcp = ListInetSockets(IPPROTO_TCP, 0, sockets);
  return tcp < 0 ? tcp : ListInetSockets(IPPROTO_UDP, 0, sockets);
}

struct Probe {
  std::string_view name;
  int (*run)();
};

constexpr Probe kProbes[] = {
    {"pagemap-scan", probes::PagemapScanWorks},
    {"userfaultfd-wp-async", probes::UserfaultfdWpAsync},
    {"soft-dirty", probes::SoftDirty},
    {"procmap-query", probes::ProcmapQuery},
    {"process-vm", probes::ProcessVm},
    {"map-files", probes::MapFiles},
    {"page-frames", probes::PageFrames},
    {"guard-regions", probes::GuardRegions},
    {"mseal", probes::Mseal},
    {"tcp-peek-off", probes::TcpPeekOff},
    {"protection-keys", probes::ProtectionKeys},
    {"pidfd-getfd", probes::PidfdGetfd},
    {"clone3-set-tid", probes::Clone3SetTid},
    {"new-pid-namespace", probes::NewPidNamespace},
    {"new-user-namespace", probes::NewUserNamespace},
    {"new-time-namespace", probes::NewTimeNamespace},
    {"change-user", probes::NewUserCredentials},
    {"set-mm-map", probes::SetMmMap},
    {"kcmp", probes::Kcmp},
    {"timer-restore-ids", probes::TimerRestoreIds},
    {"raise-limits", probes::RaiseLimits},
    {"lower-oom-score", probes::LowerOomScore},
    {"tcp-repair", probes::TcpRepair},
    {"ptrace-seize", probes::PtraceSeize},
    {"ptrace-rseq", probes::PtraceRseq},
    {"ptrace-suspend-seccomp", probes::PtraceSuspendSeccomp},
    {"vdso-remap", probes::VdsoRemap},
    {"vdso-patch", probes::VdsoPatch},
    {"unix-diag", UnixDiagWorks},
    {"inet-diag", InetDiagWorks},
};

constexpr unsigned kXstateLeaf = 0xd;

bool HasXsave() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_OSXSAVE) != 0;
}

}  // namespace

int RunProbe(std::string_view name) {
  for (const Probe& probe : kProbes) {
    if (probe.name == name) return probe.run();
  }
  return -EINVAL;
}

std::uint32_t XsaveSize() {
  constexpr std::uint32_t kFxsaveSize = 512;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (!HasXsave() || __get_cpuid_count(kXstateLeaf, 0, &eax, &ebx, &ecx, &edx) == 0) return kFxsaveSize;
  return ebx;
}

std::uint64_t XsaveFeatures() {
  if (!HasXsave()) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

}  // namespace godwit

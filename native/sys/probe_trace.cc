// Probes of ptrace and of the vdso: what looking into a live process stands on.
#include <fcntl.h>
#include <linux/ptrace.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "sys/fd.h"
#include "sys/probe.h"
#include "sys/probe_child.h"
#include "sys/probe_parts.h"
#include "sys/protection_keys.h"
#include "sys/tracee.h"

namespace godwit {
namespace {

constexpr int kStopPatienceMs = 2000;
constexpr unsigned long kSuspendSeccomp = 1UL << 21;  // PTRACE_O_SUSPEND_SECCOMP, Linux 4.3

struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::size_t size() const { return end - start; }
};

/// Our mapping of that name, e.g. "[vdso]"; empty when there is none.
Range FindMapping(std::string_view name) {
  FILE* maps = fopen("/proc/self/maps", "re");
  Range found;
  if (maps == nullptr) return found;
  char* line = nullptr;
  std::size_t room = 0;
  while (found.end == 0 && getline(&line, &room, maps) > 0) {
    std::string_view text(line);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.ends_with(name) || (text.size() > name.size() && text[text.size() - name.size() - 1] != ' '))
      continue;
    char* dash = nullptr;
    found.start = strtoull(line, &dash, 16);
    found.end = strtoull(dash + 1, nullptr, 16);
  }
  free(line);
  fclose(maps);
  return found;
}

/// A stopped child; `check` gets its PID. It ends with the scope, traced or not.
template <typename Check>
int WithStopped(unsigned long options, Check check) {
  const ParkedChild child;
  if (!child.valid()) return child.pid();
  const int seized = Seize(child.pid(), options);
  if (seized < 0) return seized;
  const int interrupted = Interrupt(child.pid());
  if (interrupted < 0) return interrupted;
  if (WaitForStop(child.pid(), kStopPatienceMs).kind != Stop::Kind::kStopped) return -ETIMEDOUT;
  const int result = check(child.pid());
  const int detached = Detach(child.pid(), 0);
  return result < 0 ? result : detached;
}

/// Moves a mapping as restoring does: to an address that is ours to give.
int MoveMapping(const Range& from) {
  void* room = mmap(nullptr, from.size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return errno;
  void* moved = mremap(reinterpret_cast<void*>(from.start), from.size(), from.size(),
                       MREMAP_MAYMOVE | MREMAP_FIXED, room);
  return moved == MAP_FAILED ? errno : 0;
}

}  // namespace

int VdsoTail() {
  const Range vdso = FindMapping("[vdso]");
  if (vdso.end == 0) return -ENOENT;
  const auto* bytes = reinterpret_cast<const unsigned char*>(vdso.start);
  std::size_t used = vdso.size();
  while (used > 0 && bytes[used - 1] == 0) used--;
  return static_cast<int>(vdso.size() - used);
}

namespace probes {

int PtraceSeize() {
  return WithStopped(0, [](pid_t pid) {
    Registers registers = {};
    return GetRegisters(pid, registers);
  });
}

int PtraceRseq() {
  return WithStopped(0, [](pid_t pid) {
    RseqConfiguration rseq = {};
    return GetRseq(pid, rseq);
  });
}

int PtraceSuspendSeccomp() {
  return WithStopped(kSuspendSeccomp, [](pid_t) { return 0; });
}

int ProtectionKeys() {
  if (!HasProtectionKeys()) return -ENOTSUP;
  // The key is looked at before the mapping (do_mprotect_pkey, mm/mprotect.c): ENOMEM means that there is such a key.
  if (syscall(SYS_pkey_mprotect, kNeverMapped, 4096UL, PROT_READ, 0) == 0 || errno != ENOMEM) return -errno;
  return WithStopped(0, [](pid_t pid) {
    constexpr std::uint32_t kWanted = 0x5555'5510;
    std::vector<std::byte> xstate(XsaveSize());
    const auto word = PkruIn(xstate);
    if (word.empty()) return -ENOTSUP;
    if (const int length = GetXstate(pid, xstate); length < 0) return length;
    std::memcpy(word.data(), &kWanted, sizeof(kWanted));
    if (const int error = SetXstate(pid, xstate); error < 0) return error;
    std::memset(word.data(), 0, word.size());
    if (const int length = GetXstate(pid, xstate); length < 0) return length;
    return std::memcmp(word.data(), &kWanted, sizeof(kWanted)) == 0 ? 0 : -ENODATA;
  });
}

int VdsoRemap() {
  const Range parts[] = {FindMapping("[vvar]"), FindMapping("[vvar_vclock]"), FindMapping("[vdso]")};
  if (parts[2].end == 0) return -ENOENT;
  return InChild([&] {
    for (const Range& part : parts) {
      const int error = part.end == 0 ? 0 : MoveMapping(part);
      if (error != 0) return error;
    }
    return 0;
  });
}

int VdsoPatch() {
  constexpr int kRoom = 512;
  const Range vdso = FindMapping("[vdso]");
  const int tail = VdsoTail();
  if (tail < 0) return tail;
  if (tail < kRoom) return -ENOSPC;
  return WithStopped(0, [&](pid_t pid) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    const Fd mem(open(path, O_RDWR | O_CLOEXEC));
    if (!mem.valid()) return -errno;
    const std::uint64_t mark = 0x0102030405060708;
    const auto place = static_cast<off_t>(vdso.end - kRoom);
    // Linux 6.12: proc_mem.force_override= may forbid writing to what is not writable.
    if (pwrite(mem.get(), &mark, sizeof(mark), place) < 0) return -errno;
    std::uint64_t found = 0;
    if (pread(mem.get(), &found, sizeof(found), place) < 0) return -errno;
    return found == mark ? 0 : -ENODATA;
  });
}

}  // namespace probes
}  // namespace godwit

#include "sys/protection_keys.h"

#include <cpuid.h>

#include <cerrno>
#include <cstring>

#include "sys/tracee.h"

namespace godwit {
namespace {

constexpr unsigned kFeatureLeaf = 7;
constexpr unsigned kOspke = 1U << 4;  // ECX
constexpr unsigned kXstateLeaf = 0xd;
constexpr unsigned kPkruComponent = 9;
constexpr std::size_t kXstateRoom =
    4096;  // only what lies before PKRU is read, and the large parts lie behind
/// PKRU has two bits for each key: no access, no writes.
constexpr std::uint32_t kKeyZero = 3;

struct Leaf {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  Leaf(unsigned number, unsigned part) { __get_cpuid_count(number, part, &eax, &ebx, &ecx, &edx); }
};

}  // namespace

bool HasProtectionKeys() {
  static const bool kHas = (Leaf(kFeatureLeaf, 0).ecx & kOspke) != 0;
  return kHas;
}

std::span<std::byte> PkruIn(std::span<std::byte> xstate) {
  static const Leaf kPlace(kXstateLeaf,
                           kPkruComponent);  // EAX: length, EBX: offset (Intel SDM, volume 1, 13.2)
  if (kPlace.ebx + sizeof(std::uint32_t) > xstate.size()) return {};
  return xstate.subspan(kPlace.ebx, sizeof(std::uint32_t));
}

int IsBarredFromKeyZero(pid_t tid) {
  if (!HasProtectionKeys()) return 0;
  std::byte xstate[kXstateRoom] = {};
  const auto word = PkruIn(xstate);
  if (word.empty()) return -ENOTSUP;
  // In units of 8 bytes (ptrace_regset, kernel/ptrace.c).
  const auto length = (static_cast<std::size_t>(word.data() + word.size() - xstate) + 7) / 8 * 8;
  if (const int error = GetXstate(tid, {xstate, length}); error < 0) return error;
  std::uint32_t pkru = 0;
  std::memcpy(&pkru, word.data(), sizeof(pkru));
  return (pkru & kKeyZero) != 0 ? 1 : 0;
}

}  // namespace godwit

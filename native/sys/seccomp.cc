#include "sys/seccomp.h"

#include <sys/ptrace.h>

#include <cerrno>
#include <cstdint>

namespace godwit {
namespace {

constexpr std::size_t kInstructionSize = 8;  // struct sock_filter

long Ptrace(int request, pid_t tid, unsigned long address, void* data) {
  // glibc declares ptrace variadic with an enum; the kernel takes four words.
  const long result = ptrace(static_cast<__ptrace_request>(request), tid, address, data);
  return result < 0 ? -errno : result;
}

}  // namespace

int GetSeccompFilter(pid_t tid, unsigned index, std::span<std::byte> out) {
  const long count = Ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, nullptr);
  if (count < 0 || static_cast<std::size_t>(count) * kInstructionSize > out.size())
    return static_cast<int>(count);
  return static_cast<int>(Ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, out.data()));
}

int GetSeccompFlags(pid_t tid, unsigned index) {
  struct {
    std::uint64_t filter_off;
    std::uint64_t flags;
  } metadata{index, 0};  // struct seccomp_metadata
  const long result = Ptrace(PTRACE_SECCOMP_GET_METADATA, tid, sizeof metadata, &metadata);
  return static_cast<int>(result < 0 ? result : static_cast<long>(metadata.flags));
}

}  // namespace godwit

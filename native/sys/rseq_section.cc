#include "sys/rseq_section.h"

#include <linux/rseq.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "sys/tracee.h"

namespace godwit {
namespace {

template <typename Value>
int ReadFrom(pid_t tid, std::uint64_t address, Value& out) {
  iovec local{&out, sizeof(out)};
  iovec remote{reinterpret_cast<void*>(address), sizeof(out)};
  const ssize_t got = process_vm_readv(tid, &local, 1, &remote, 1, 0);
  if (got < 0) return -errno;
  return static_cast<std::size_t>(got) == sizeof(out) ? 0 : -EFAULT;
}

}  // namespace

int LeaveRseqSection(pid_t tid) {
  RseqConfiguration configuration{};
  // A kernel that does not tell, or a thread that registered no area: no section.
  if (GetRseq(tid, configuration) < 0 || configuration.area == 0) return 0;
  std::uint64_t pointer = 0;
  int result = ReadFrom(tid, configuration.area + offsetof(struct rseq, rseq_cs), pointer);
  if (result < 0 || pointer == 0) return result;
  Registers registers{};
  result = GetRegisters(tid, registers);
  if (result < 0) return result;
  if (static_cast<std::int64_t>(registers.orig_rax) >= 0)
    return 0;  // system calls are not allowed in a section
  rseq_cs section{};
  result = ReadFrom(tid, pointer, section);
  if (result < 0) return result;
  if (registers.rip - section.start_ip >= section.post_commit_offset) return 0;
  registers.rip = section.abort_ip;
  result = SetRegisters(tid, registers);
  return result < 0 ? result : 1;
}

}  // namespace godwit

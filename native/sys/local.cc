#include "sys/local.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "stub/ops.h"

namespace godwit {

int RunLocal(std::span<std::byte> program, std::size_t count) {
  const auto base = reinterpret_cast<std::uint64_t>(program.data());
  auto* operations = reinterpret_cast<Operation*>(program.data());
  for (std::size_t index = 0; index < count; index++) {
    Operation& operation = operations[index];
    std::uint64_t args[6];
    for (unsigned i = 0; i < 6; i++) {
      args[i] = operation.args[i];
      if (operation.flags & kArgIsResult << i) {
        if (args[i] >= index) return static_cast<int>(index);
        args[i] = static_cast<std::uint64_t>(operations[args[i]].result);
      }
      if (operation.flags & kArgIsData << i) args[i] += base;
    }
    const long result =
        syscall(static_cast<long>(operation.number), args[0], args[1], args[2], args[3], args[4], args[5]);
    operation.result = result == -1 ? -errno : result;
    if (operation.result < 0 && operation.result >= -4095 && !(operation.flags & kGoOnAfterFailure)) {
      return static_cast<int>(index);
    }
  }
  return -1;
}

}  // namespace godwit

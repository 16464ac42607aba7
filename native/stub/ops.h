// Layout of a program's operations and of the scratch memory they stand in. Mirrored by src/kernel/program.ts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace godwit {

// One system call; 64 bytes, so that an index becomes an address by one shift.
struct Operation {
  std::uint32_t number;
  std::uint32_t
      flags;  // bit i: args[i] names an operation, use its result; bit 8+i: args[i] is relative to the base
  std::uint64_t args[6];
  std::int64_t result;
};
static_assert(sizeof(Operation) == 64);

inline constexpr std::uint32_t kArgIsResult = 1U << 0;
inline constexpr std::uint32_t kArgIsData = 1U << 8;
inline constexpr std::uint32_t kGoOnAfterFailure = 1U << 16;

// Scratch memory as a process sees it; one page of code and hand-shakes, then the program.
//
//   base + 0x000  stub code: interpreter (shell entry, live entry), cure
//   base + 0x400  Cure: what the cure puts back (live processes only)
//   base + 0x800  Handshake (live processes only)
//   base + 0x1000 operations and data
inline constexpr std::size_t kCureOffset = 0x400;
inline constexpr std::size_t kHandshakeOffset = 0x800;
inline constexpr std::size_t kProgramOffset = 0x1000;

// What the cure loads, in the order in which stub.S reads it. All words.
struct Cure {
  std::uint64_t mask;   // signal mask for rt_sigprocmask
  std::uint64_t flags;  // low byte: overflow flag as 0 or 1; next byte: the flags that sahf loads
  std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, rip, rsp;
};

struct Handshake {
  std::uint32_t done;     // the live program has ended (set by the stub)
  std::uint32_t release;  // the stub need not wait any longer (set by the agent or by the keeper)
  std::int64_t pause[2];  // its own: a timespec for ppoll(2)
  std::uint32_t spins;    // looks at `release` before it sleeps (set by the agent)
};

}  // namespace godwit

// The stub's code, as bytes to be copied into other processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

extern "C" {
extern const std::byte godwit_stub_begin[], godwit_stub_end[], godwit_stub_shell[], godwit_stub_live[],
    godwit_stub_pause[], godwit_first_begin[], godwit_first_name[], godwit_first_data[], godwit_first_end[];
}

namespace godwit {

inline std::span<const std::byte> StubCode() { return {godwit_stub_begin, godwit_stub_end}; }
/** Offsets from the start of scratch memory. */
inline std::uint64_t ShellEntry() {
  return static_cast<std::uint64_t>(godwit_stub_shell - godwit_stub_begin);
}
inline std::uint64_t LiveEntry() { return static_cast<std::uint64_t>(godwit_stub_live - godwit_stub_begin); }

/** One system call, or three for a file, and the cure behind them, for the tail of a vdso. */
inline std::span<const std::byte> FirstCode() { return {godwit_first_begin, godwit_first_end}; }
inline std::size_t FirstDataOffset() {
  return static_cast<std::size_t>(godwit_first_data - godwit_first_begin);
}

/** The name for its memfd_create. */
inline std::size_t FirstNameOffset() {
  return static_cast<std::size_t>(godwit_first_name - godwit_first_begin);
}

}  // namespace godwit

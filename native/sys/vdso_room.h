// The zero tail of a vdso, where the first code of a live process goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sys/live.h"

namespace godwit {

/** For the first code: the zero tail of the vdso, or where an earlier start left some. */
struct VdsoRoom {
  /** 0: there is none. */
  std::uint64_t address = 0;
  /** For the trailer. */
  std::uint64_t length = 0;
};

/** Reads the process's vdso by its /proc/PID/mem. */
VdsoRoom FindVdsoRoom(int memory, Range vdso);

/** Makes the code as long as its room in the vdso, with the trailer of that room at its end. */
void AddTrailer(std::vector<std::byte>& code, std::uint64_t length);

}  // namespace godwit

// Executes a program (stub/ops.h) in the agent itself.
#pragma once

#include <cstddef>
#include <span>

namespace godwit {

/** Returns the index of the operation that failed and ended the program, or -1. Preconditions: count operations fit. */
int RunLocal(std::span<std::byte> program, std::size_t count);

}  // namespace godwit

// The same work on many pieces, by as many threads as there are processors for it. For what the kernel does for us (walks over page
// tables), which takes only a reader's lock of the address space.
#pragma once

#include <cstddef>
#include <functional>

namespace godwit {

/// Calls `work(i)` for each i below `count`, here and in further threads, at most one for each processor that this thread may run on.
/// Returns when all are done. Threads that the system does not give are done without. `work` must not throw.
void InParallel(size_t count, const std::function<void(size_t)>& work);

}  // namespace godwit

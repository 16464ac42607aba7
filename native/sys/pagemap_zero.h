// The frames of the kernel's zero pages. PAGEMAP_SCAN names them (PAGE_IS_PFNZERO); in classic pagemap words only the
// frame number tells a zero page from a page of the process.
#pragma once

#include <cstdint>

namespace godwit {

/// Learns the frames by reading fresh memory of our own; cheap to call again, and worth it, because the huge zero page
/// exists only where huge pages are switched on. Without CAP_SYS_ADMIN frames read as 0 and nothing is known.
void LearnZeroFrames();

/// True if the frame is known to hold the zero page or a part of the huge zero page.
bool IsZeroFrame(uint64_t frame);

}  // namespace godwit

// POSIX message queues (mq_overview(7)): what waits in one, and names that an agent has made or that a tree leaves behind.
#pragma once

#include <string>

namespace godwit {

/**
 * The messages that wait, in the order of their receipt: u32 how many, then u32 priority, u32 length and bytes of each. The kernel shows
 * none without giving it away: all are taken out and put back, which keeps their order (the highest priority first, in one priority the
 * oldest). A registration of mq_notify(3) is used up by that where a message waits. `queue` must be open for reading and writing, and
 * not block. Preconditions: nobody else uses the queue, and whoever runs this lives until it is through. 0 or a negative errno:
 * -EBUSY: somebody else does use it.
 */
int PeekMessages(int queue, std::string& out);

/** Nobody has made a queue of this name ("/name"); those that may not be opened count as made. */
bool IsQueueNameFree(const std::string& name);

/** 0, also when there is none, or a negative errno. */
int UnlinkQueue(const std::string& name);

/** The same, if it is the name of this very queue: it is as long as the queue has one, for there are no links and no renaming. */
int UnlinkQueueOf(int queue, const std::string& name);

}  // namespace godwit

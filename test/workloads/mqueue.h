// What the workloads of POSIX message queues share: queues made with and without names, messages with patterns.
#ifndef MQUEUE_H
#define MQUEUE_H
#include <mqueue.h>

#include "workload.h"

typedef struct {
  uint64_t words[16];
} Message;

static char name[64];
static void name_queues(const char* of) {
  snprintf(name, sizeof name, "/godwit-%s-%d-%d", of, getpid(), in_motion());
}
static mqd_t make(const char* called, int flags, long most, long longest) {
  struct mq_attr about = {.mq_maxmsg = most, .mq_msgsize = longest};
  return (mqd_t)MUST(mq_open(called, O_CREAT | O_EXCL | flags, 0640, &about));
}
// Known by its descriptor alone from here on.
static mqd_t make_unlinked(int flags, long most, long longest) {
  char called[96];
  static int count;
  snprintf(called, sizeof called, "%s-%d", name, count++);
  mqd_t made = make(called, flags, most, longest);
  MUST(mq_unlink(called));
  return made;
}
static void put(mqd_t queue, unsigned priority, size_t bytes, uint64_t seed) {
  Message message;
  fill_pattern(message.words, bytes, seed);
  MUST(mq_send(queue, (char*)message.words, bytes, priority));
}
static void expect(mqd_t queue, unsigned priority, size_t bytes, uint64_t seed) {
  Message message;
  unsigned got = 0;
  EXPECT("bytes", bytes, MUST(mq_receive(queue, (char*)message.words, sizeof message, &got)));
  EXPECT("priority", priority, got);
  check_pattern("text", message.words, bytes, seed);
}
__attribute__((unused)) static void expect_none(mqd_t queue) {
  Message message;
  const struct timespec long_ago = {.tv_sec = 1};
  EXPECT("nothing waits", -1, mq_timedreceive(queue, (char*)&message, sizeof message, NULL, &long_ago));
  if (errno != EAGAIN && errno != ETIMEDOUT) fail("nothing waits: got %s", strerror(errno));
}
__attribute__((unused)) static struct mq_attr about(mqd_t queue) {
  struct mq_attr found;
  MUST(mq_getattr(queue, &found));
  return found;
}
#endif

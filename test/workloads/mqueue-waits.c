// Processes that wait in POSIX message queues: for a message, for room, with and without a time limit. In motion a message goes round in a
// ring of processes, each of which waits most of the time.
// @family Interrupted system calls
// @claim empty events.mqueue
// @claim full events.mqueue
// @claim receives calls.mqueue
// @claim receives-in-time calls.mqueue
// @claim receives-too-late calls.mqueue
// @claim sends calls.mqueue
// @claim sends-in-time calls.mqueue
// @claim ring calls.mqueue
#include "mqueue.h"

enum { places = 4 };
static mqd_t ring[places];
static uint64_t turns;

static struct timespec in_seconds(time_t seconds) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_sec += seconds;
  return at;
}
// A child that waits in a call, and what it ends with.
static pid_t waits_for(mqd_t queue, const struct timespec* limit, int code) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid > 0) return pid;
  Message message;
  ssize_t got = limit == NULL ? mq_receive(queue, (char*)&message, sizeof message, NULL)
                              : mq_timedreceive(queue, (char*)&message, sizeof message, NULL, limit);
  if (code == 0) _exit(got == -1 && errno == ETIMEDOUT ? 0 : 1);
  _exit(got == 16 && message.words[1] == mix((uint64_t)code + 1) ? code : 1);
}
static pid_t sends(mqd_t queue, const struct timespec* limit, unsigned priority, int code) {
  pid_t pid = (pid_t)MUST(fork());
  if (pid > 0) return pid;
  Message message;
  fill_pattern(message.words, 16, (uint64_t)code);
  int got = limit == NULL ? mq_send(queue, (char*)&message, 16, priority)
                          : mq_timedsend(queue, (char*)&message, 16, priority, limit);
  _exit(got == 0 ? code : 1);
}
static void expect_end(const char* what, pid_t pid, int code) {
  int ended;
  MUST(waitpid(pid, &ended, 0));
  EXPECT(what, code << 8, ended);
}
static void expect_waiting(pid_t pid) { EXPECT("still waiting", 0, MUST(waitpid(pid, NULL, WNOHANG))); }

// Adds one to what comes by, and passes it on.
__attribute__((noreturn)) static void pass_on(int place) {
  Message message;
  for (;;) {
    if (mq_receive(ring[place], (char*)&message, sizeof message, NULL) == 0) _exit(0);
    message.words[0]++;
    MUST(mq_send(ring[(place + 1) % places], (char*)&message, 8, 1));
  }
}
static void go_round(void) {
  Message message = {.words = {turns * 1000}};
  while (mq_send(ring[0], (char*)&message, 8, 1) == -1)
    if (errno != EINTR) fail("mq_send: expected success got %s", strerror(errno));
  while (mq_receive(ring[places - 1], (char*)&message, sizeof message, NULL) == -1)
    if (errno != EINTR) fail("mq_receive: expected success got %s", strerror(errno));
  EXPECT("what came round", turns * 1000 + places - 1, message.words[0]);
  turns++;
}

int main(void) {
  listen_for_stop();
  name_queues("waits");
  mqd_t empty = make_unlinked(O_RDWR, 3, 128);
  struct timespec later = in_seconds(3600), past = in_seconds(4);
  pid_t receiver = waits_for(empty, NULL, 21);
  mqd_t timed = make_unlinked(O_RDWR, 3, 128), expiring = make_unlinked(O_RDWR, 1, 128);
  pid_t timed_receiver = waits_for(timed, &later, 22);
  pid_t late_receiver = waits_for(expiring, &past, 0);

  mqd_t crowded = make_unlinked(O_RDWR, 2, 32), timed_crowded = make_unlinked(O_RDWR, 1, 32);
  put(crowded, 0, 32, 50), put(crowded, 4, 16, 51);
  pid_t sender = sends(crowded, NULL, 2, 23);
  put(timed_crowded, 0, 8, 52);
  pid_t timed_sender = sends(timed_crowded, &later, 9, 24);

  for (int i = 0; i < places; i++) ring[i] = make_unlinked(O_RDWR, 1, 128);
  pid_t passing[places - 1];
  for (int i = 0; i < places - 1; i++)
    if ((passing[i] = (pid_t)MUST(fork())) == 0) pass_on(i);
  motion = go_round;
  say_ready();
  wait_for_stop();

  claim("empty");
  EXPECT("messages", 0, about(empty).mq_curmsgs);
  claim("receives");
  expect_waiting(receiver);
  put(empty, 1, 16, 21);
  expect_end("who waited for a message", receiver, 21);
  claim("receives-in-time");
  expect_waiting(timed_receiver);
  put(timed, 1, 16, 22);
  expect_end("who waited for an hour at most", timed_receiver, 22);
  claim("receives-too-late");
  expect_end("who waited for four seconds", late_receiver, 0);
  if (now_us(CLOCK_REALTIME) < past.tv_sec * 1000000ll + past.tv_nsec / 1000) fail("too early");
  claim("full");
  const struct timespec long_ago = {.tv_sec = 1};
  EXPECT("no room", -1, mq_timedsend(crowded, "", 0, 1, &long_ago));
  EXPECT("its errno", ETIMEDOUT, errno);
  claim("sends");
  expect_waiting(sender);
  expect(crowded, 4, 16, 51);
  expect_end("who waited for room", sender, 23);
  expect(crowded, 2, 16, 23), expect(crowded, 0, 32, 50);
  claim("sends-in-time");
  expect_waiting(timed_sender);
  expect(timed_crowded, 0, 8, 52);
  expect_end("who waited for room for an hour at most", timed_sender, 24);
  expect(timed_crowded, 9, 16, 24);
  claim("ring");
  go_round();
  if (in_motion() && turns < 3) fail("ring: expected some turns got %d", (int)turns);
  for (int i = 0; i < places - 1; i++) {
    MUST(mq_send(ring[i], "", 0, 0));
    expect_end("who passed on", passing[i], 0);
  }
  return say_ok();
}

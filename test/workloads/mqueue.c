// POSIX message queues: known by a name, or unlinked and known by descriptors alone, with messages of several priorities that wait,
// descriptors that share an open file and others that do not, registrations that tell nothing. In motion a parent and a child send each
// other numbers.
// @family Event objects
// @claim messages events.mqueue
// @claim attributes events.mqueue
// @claim owner events.mqueue
// @claim times events.mqueue
// @claim flags events.mqueue
// @claim shared-flags events.mqueue
// @claim position events.mqueue
// @claim by-name events.mqueue
// @claim unlinked events.mqueue
// @claim namesakes events.mqueue
// @claim watched events.mqueue
// @claim registered events.mqueue-none
// @claim registered-busy events.mqueue-none
// @claim numbers events.mqueue
#include "mqueue.h"

#include <sys/epoll.h>
#include <sys/stat.h>

static char other_name[80];
static mqd_t asked, answered;
static uint64_t turns;

// What reading a queue as a file says: who is registered for its next message.
static void status(mqd_t queue, char* text, size_t bytes) {
  ssize_t got = MUST(pread(queue, text, bytes - 1, 0));
  text[got] = 0;
}
static void expect_registered(mqd_t queue, const char* size) {
  char text[128], wanted[64];
  status(queue, text, sizeof text);
  snprintf(wanted, sizeof wanted, "NOTIFY_PID:%d ", getpid());
  if (strncmp(text, size, strlen(size)) != 0 || strstr(text, "NOTIFY:1 ") == NULL ||
      strstr(text, wanted) == NULL)
    fail("registered: expected %s NOTIFY:1 %s got %s", size, wanted, text);
}

__attribute__((noreturn)) static void answer(void) {
  Message message;
  for (;;) {
    unsigned priority;
    if (mq_receive(asked, (char*)&message, sizeof message, &priority) == 0) _exit(0);
    message.words[0] = mix(message.words[0] + priority);
    while (mq_send(answered, (char*)&message, sizeof message, 0) == -1)
      if (errno != EINTR) fail("mq_send: expected success got %s", strerror(errno));
  }
}
static void ask_one(void) {
  Message message = {.words = {turns}};
  unsigned priority = (unsigned)(turns % 7);
  while (mq_send(asked, (char*)&message, sizeof message, priority) == -1)
    if (errno != EINTR) fail("mq_send: expected success got %s", strerror(errno));
  while (mq_receive(answered, (char*)&message, sizeof message, NULL) == -1)
    if (errno != EINTR) fail("mq_receive: expected success got %s", strerror(errno));
  EXPECT("an answer", (int64_t)mix(turns + priority), (int64_t)message.words[0]);
  turns++;
}

int main(void) {
  listen_for_stop();
  name_queues("test");
  snprintf(other_name, sizeof other_name, "%s-other", name);
  mqd_t kept = make(name, O_RDWR, 9, 128);
  int same = (int)MUST(dup(kept));
  MUST(fcntl(same, F_SETFD, 0));
  mqd_t reads = (mqd_t)MUST(mq_open(name, O_RDONLY | O_NONBLOCK));
  mqd_t writes = (mqd_t)MUST(mq_open(name, O_WRONLY));
  MUST(fchmod(kept, 0604));
  MUST(lseek(reads, 6, SEEK_SET));
  put(kept, 3, 128, 1), put(kept, 0, 0, 0), put(kept, 32767, 8, 2), put(kept, 3, 64, 3), put(kept, 0, 16, 4),
      put(kept, 7, 24, 5);
  struct timespec then[2] = {{.tv_sec = 1000000001}, {.tv_sec = 1000000002}};  // whole seconds alone are kept
  MUST(futimens(kept, then));

  mqd_t gone = make(other_name, O_RDONLY, 4, 64);  // its only descriptor cannot write
  mqd_t writer = (mqd_t)MUST(mq_open(other_name, O_WRONLY));
  put(writer, 1, 8, 30), put(writer, 2, 64, 31);
  MUST(mq_close(writer));
  MUST(mq_unlink(other_name));
  mqd_t namesake = make(other_name, O_RDWR | O_NONBLOCK, 2, 32);  // another of the same name, and a third
  put(namesake, 5, 32, 32);
  mqd_t unnamed = make_unlinked(O_RDWR, 10, 8);
  for (unsigned i = 0; i < 10; i++) put(unnamed, i % 3, 8, 40 + i);

  // Registered, to be told nothing: seen by reading the queue, and by others who want to.
  mqd_t quiet = make_unlinked(O_RDONLY, 2, 32), busy = make_unlinked(O_RDWR, 2, 32);
  struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
  MUST(mq_notify(quiet, &nothing));
  put(busy, 4, 8, 60);
  MUST(mq_notify(busy, &nothing));

  int watch = (int)MUST(epoll_create1(0));
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 77};
  mqd_t watched = make_unlinked(O_RDWR, 1, 32);
  MUST(epoll_ctl(watch, EPOLL_CTL_ADD, watched, &event));

  asked = make_unlinked(O_RDWR, 2, 128), answered = make_unlinked(O_RDWR, 2, 128);
  pid_t replies = (pid_t)MUST(fork());
  if (replies == 0) answer();
  motion = ask_one;
  struct stat before, now;
  MUST(fstat(kept, &before));
  say_ready();
  wait_for_stop();

  claim("times");  // a look at the queue sets when it was read, and the calls below set both
  MUST(fstat(kept, &now));
  EXPECT("written at", then[1].tv_sec, now.st_mtim.tv_sec);
  claim("attributes");
  struct mq_attr found = about(kept);
  EXPECT("mq_maxmsg", 9, found.mq_maxmsg);
  EXPECT("mq_msgsize", 128, found.mq_msgsize);
  EXPECT("mq_curmsgs", 6, found.mq_curmsgs);
  claim("owner");
  EXPECT("mode", S_IFREG | 0604, now.st_mode);
  EXPECT("user", before.st_uid, now.st_uid);
  EXPECT("group", before.st_gid, now.st_gid);
  EXPECT("names", 1, now.st_nlink);
  claim("flags");
  EXPECT("O_RDWR", O_RDWR, MUST(fcntl(kept, F_GETFL)));
  EXPECT("O_RDONLY | O_NONBLOCK", O_RDONLY | O_NONBLOCK, MUST(fcntl(reads, F_GETFL)));
  EXPECT("O_WRONLY", O_WRONLY, MUST(fcntl(writes, F_GETFL)));
  EXPECT("close-on-exec", FD_CLOEXEC, MUST(fcntl(kept, F_GETFD)));
  EXPECT("no close-on-exec", 0, MUST(fcntl(same, F_GETFD)));
  EXPECT("mq_flags", O_NONBLOCK, about(reads).mq_flags);
  claim("shared-flags");
  MUST(mq_setattr(same, &(struct mq_attr){.mq_flags = O_NONBLOCK}, NULL));
  EXPECT("of the other descriptor", O_NONBLOCK, about(kept).mq_flags);
  EXPECT("of another open file", 0, about(writes).mq_flags);
  claim("position");
  char text[8] = {0};
  MUST(read(reads, text, 4));
  EXPECT_TEXT("behind QSIZE:", "240 ", text);
  claim("by-name");
  mqd_t again = (mqd_t)MUST(mq_open(name, O_RDONLY));
  MUST(fstat(again, &before));
  EXPECT("the same inode", now.st_ino, before.st_ino);
  claim("messages");
  put(writes, 7, 40, 6);
  expect(kept, 32767, 8, 2), expect(again, 7, 24, 5), expect(reads, 7, 40, 6), expect(same, 3, 128, 1);
  expect(kept, 3, 64, 3), expect(kept, 0, 0, 0), expect(kept, 0, 16, 4);
  expect_none(reads);
  claim("unlinked");
  MUST(fstat(unnamed, &now));
  EXPECT("no name", 0, now.st_nlink);
  for (unsigned priority = 3; priority-- > 0;)
    for (unsigned i = priority; i < 10; i += 3) expect(unnamed, priority, 8, 40 + i);
  expect_none(unnamed);
  claim("namesakes");
  mqd_t of_name = (mqd_t)MUST(mq_open(other_name, O_RDWR | O_NONBLOCK));
  EXPECT("the one with the name", 2, about(of_name).mq_maxmsg);
  expect(of_name, 5, 32, 32), expect_none(namesake);
  EXPECT("the one without", 2, about(gone).mq_curmsgs);
  expect(gone, 2, 64, 31), expect(gone, 1, 8, 30);
  claim("registered");
  expect_registered(quiet, "QSIZE:0 ");
  EXPECT("nobody else may", -1, mq_notify(quiet, &nothing));
  EXPECT("for it is taken", EBUSY, errno);
  MUST(mq_notify(quiet, NULL)), MUST(mq_notify(quiet, &nothing));
  claim("registered-busy");
  expect_registered(busy, "QSIZE:8 ");
  expect(busy, 4, 8, 60);
  expect_registered(busy, "QSIZE:0 ");
  put(busy, 1, 8, 61);
  status(busy, text, sizeof text);
  MUST(mq_notify(busy, &nothing));
  claim("watched");
  EXPECT("nothing yet", 0, MUST(epoll_wait(watch, &event, 1, 0)));
  put(watched, 1, 8, 70);
  EXPECT("a message", 1, MUST(epoll_wait(watch, &event, 1, 0)));
  EXPECT("its data", 77, event.data.u64);

  claim("numbers");
  ask_one();
  if (in_motion() && turns < 3) fail("numbers: expected some got %d", (int)turns);
  MUST(mq_send(asked, "", 0, 0));
  int ended;
  MUST(waitpid(replies, &ended, 0));
  EXPECT("who answered", 0, ended);
  MUST(mq_unlink(name)), MUST(mq_unlink(other_name));
  return say_ok();
}

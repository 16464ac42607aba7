// epoll with eventfds (counter and semaphore), a timerfd and pipes: what is watched, how (edge, one-shot, disabled), with which
// data, what is ready, and counters that were never read. A thread works through another epoll all the time.
// @family Event objects
// @always-moving
// @claim work-through-epoll events.epoll-level
// @claim watched events.epoll-level
// @claim ready events.epoll-edge
// @claim one-shot events.epoll-oneshot
// @claim cloexec files.cloexec
// @claim counter events.eventfd
// @claim semaphore events.semaphore
// @claim large-counter events.eventfd
// @claim quiet-counter events.eventfd
// @claim expired-timer time.timerfd-expired
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "workload.h"

static int busy, bell;
static uint64_t rung, heard;

static void* worker(void* arg) {
  (void)arg;
  for (;;) {
    struct epoll_event event;
    int ready = epoll_wait(busy, &event, 1, -1);
    EXPECT("epoll_wait in the worker", 1, ready == -1 ? -errno : ready);
    EXPECT("its data", 0xfeed, event.data.u64);
    uint64_t value;
    MUST(read(bell, &value, sizeof value));
    if (value >= 1000000) return NULL;
    heard += value;
  }
}

static void watch(int epoll, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

// The lines "tfd: ..." of an epoll's fdinfo in the order of descriptors (the kernel's own order is that of its addresses),
// without inode and device, which may differ on another host.
static void watched(int epoll, char* text, size_t size) {
  char path[64], line[256], of[64][64] = {0};
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
  FILE* file = fopen(path, "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    unsigned fd, events;
    unsigned long long data;
    if (sscanf(line, "tfd: %u events: %x data: %llx", &fd, &events, &data) != 3 || fd > 63) continue;
    snprintf(of[fd], sizeof of[fd], "%u %x %llx;", fd, events, data);
  }
  if (file != NULL) fclose(file);
  text[0] = 0;
  for (int i = 0; i < 64; i++) strncat(text, of[i], size - strlen(text) - 1);
}

int main(void) {
  listen_for_stop();
  int epoll = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
  int counter = (int)MUST(eventfd(5, EFD_NONBLOCK)),
      semaphore = (int)MUST(eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK));
  int large = (int)MUST(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), quiet = (int)MUST(eventfd(0, EFD_NONBLOCK));
  uint64_t value = 0xfffffffffffffff0u;
  MUST(write(large, &value, sizeof value));
  int timer = (int)MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  struct itimerspec once = {.it_value.tv_nsec = 1000000};
  MUST(timerfd_settime(timer, 0, &once, NULL));  // expires before the move and is not read
  int pipes[2], shot[2];
  MUST(pipe2(pipes, O_NONBLOCK));
  MUST(pipe2(shot, O_NONBLOCK));
  watch(epoll, counter, EPOLLIN, 1);
  watch(epoll, semaphore, EPOLLIN | EPOLLET, 2);
  watch(epoll, quiet, EPOLLIN, 0xdeadbeefcafe0003u);
  watch(epoll, timer, EPOLLIN, 4);
  watch(epoll, pipes[0], EPOLLIN | EPOLLRDHUP, 5);
  watch(epoll, pipes[1], EPOLLOUT | EPOLLET, 6);
  watch(epoll, shot[0], EPOLLIN | EPOLLONESHOT, 7);
  MUST(write(shot[1], "x", 1));
  struct epoll_event events[16];
  usleep(20000);
  int ready =
      (int)MUST(epoll_wait(epoll, events, 16, 0));  // 1 2 4 6 7: edges are used up, the one-shot is disabled
  EXPECT("ready at first", 5, ready);

  busy = (int)MUST(epoll_create1(0));
  bell = (int)MUST(eventfd(0, 0));
  watch(busy, bell, EPOLLIN, 0xfeed);
  pthread_t thread;
  MUST0(pthread_create(&thread, NULL, worker, NULL));
  char before[1024], after[1024];
  watched(epoll, before, sizeof before);
  say_ready();
  while (!stop_wanted) {
    value = 1 + rung % 3;
    rung += value;
    MUST(write(bell, &value, sizeof value));
    usleep(500);
  }
  claim("work-through-epoll");
  value = 0;
  while (heard != rung) usleep(1000);
  value = 1000000;
  MUST(write(bell, &value, sizeof value));
  MUST0(pthread_join(thread, NULL));

  claim("watched");
  watched(epoll, after, sizeof after);
  EXPECT_TEXT("watched by epoll", before, after);
  MUST(write(pipes[1], "y", 1));
  uint64_t set = 0;
  ready = (int)MUST(epoll_wait(epoll, events, 16, 0));
  for (int i = 0; i < ready; i++) set |= 1u << (events[i].data.u64 & 15);
  claim("ready");
  // An edge may be reported again after a move (man 7 epoll allows it), so 2 and 6 are not looked at.
  EXPECT("ready at the end", 1u << 1 | 1u << 4 | 1u << 5, set & ~(1u << 2 | 1u << 6));
  claim("one-shot");
  struct epoll_event again = {.events = EPOLLIN, .data.u64 = 8};
  MUST(epoll_ctl(epoll, EPOLL_CTL_MOD, shot[0], &again));
  claim("cloexec");
  EXPECT("close-on-exec of epoll", FD_CLOEXEC, MUST(fcntl(epoll, F_GETFD)));
  claim("counter");
  MUST(read(counter, &value, sizeof value));
  EXPECT("counter", 5, value);
  claim("semaphore");
  for (int i = 0; i < 3; i++) {
    MUST(read(semaphore, &value, sizeof value));
    EXPECT("semaphore", 1, value);
  }
  EXPECT("empty semaphore", -1, read(semaphore, &value, sizeof value));
  claim("large-counter");
  MUST(read(large, &value, sizeof value));
  EXPECT("large counter", (int64_t)0xfffffffffffffff0u, value);
  claim("quiet-counter");
  EXPECT("quiet counter", -1, read(quiet, &value, sizeof value));
  claim("expired-timer");
  MUST(read(timer, &value, sizeof value));
  EXPECT("expirations", 1, value);
  return say_ok();
}

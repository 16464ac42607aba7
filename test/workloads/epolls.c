// Epoll in its odder forms: nested, with descriptors that were closed, renumbered or dup'ed after they were added, exclusive, with many
// watches, shared with a child; eventfds of every kind.
// @family Event objects
// @claim nested events.epoll-nested
// @claim nested-level events.epoll-nested
// @claim renumbered events.epoll-closed
// @claim dup-only-left events.epoll-closed
// @claim added-twice events.epoll-closed
// @claim exclusive events.epoll-level
// @claim edge-again events.epoll-edge
// @claim one-shot-used events.epoll-oneshot
// @claim one-shot-fresh events.epoll-oneshot
// @claim many events.epoll-level
// @claim order-of-data events.epoll-level
// @claim shared-with-child files.inherited
// @claim no-events events.epoll-level
// @claim eventfd-full events.eventfd
// @claim eventfd-zero events.eventfd
// @claim eventfd-dup events.eventfd
// @claim semaphore-counts events.semaphore
// @claim semaphore-child events.semaphore
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "workload.h"

static void watch(int epoll, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}
static int poll_data(int epoll, uint64_t* data) {
  struct epoll_event event = {0};
  int ready = (int)MUST(epoll_wait(epoll, &event, 1, 0));
  *data = event.data.u64;
  return ready;
}
static int counter(unsigned value, int flags) { return (int)MUST(eventfd(value, flags | EFD_NONBLOCK)); }
static void add(int fd, uint64_t value) { MUST(write(fd, &value, sizeof value)); }
static long long take(int fd) {
  uint64_t value;
  return read(fd, &value, sizeof value) == 8 ? (long long)value : -errno;
}

int main(void) {
  uint64_t data;
  listen_for_stop();
  int outer = (int)MUST(epoll_create1(0)), inner = (int)MUST(epoll_create1(EPOLL_CLOEXEC)),
      bell = counter(0, 0);
  watch(inner, bell, EPOLLIN, 11);
  watch(outer, inner, EPOLLIN, 22);
  int moved = (int)MUST(epoll_create1(0)), first = counter(0, 0), number = first;
  watch(moved, first, EPOLLIN, 33);
  int renumbered = (int)MUST(fcntl(first, F_DUPFD, 150));
  MUST(epoll_ctl(moved, EPOLL_CTL_DEL, first, NULL));
  MUST(close(first));
  watch(moved, renumbered, EPOLLIN, 34);
  int other = counter(0, 0);  // takes the old number
  int twice = (int)MUST(epoll_create1(0)), same = counter(0, 0), alias = (int)MUST(dup(same));
  watch(twice, same, EPOLLIN, 44);
  watch(twice, alias, EPOLLIN, 45);
  int exclusive = (int)MUST(epoll_create1(0)), alone = counter(0, 0);
  watch(exclusive, alone, EPOLLIN | EPOLLEXCLUSIVE, 55);
  int edge = (int)MUST(epoll_create1(0)), edged = counter(0, 0);
  watch(edge, edged, EPOLLIN | EPOLLET, 66);
  int shots = (int)MUST(epoll_create1(0)), used = counter(1, 0), fresh = counter(0, 0);
  watch(shots, used, EPOLLIN | EPOLLONESHOT, 77);
  EXPECT("the one shot", 1, poll_data(shots, &data));
  watch(shots, fresh, EPOLLIN | EPOLLONESHOT, 78);
  int many = (int)MUST(epoll_create1(0)), watched[100];
  for (int i = 0; i < 100; i++)
    watch(many, watched[i] = counter(0, 0), EPOLLIN, 0xffffffff00000000u + (uint64_t)i);
  int silent = (int)MUST(epoll_create1(0)), unheard = counter(5, 0);
  watch(silent, unheard, 0, 88);
  int full = counter(0, 0), zero = counter(0, 0), doubled = counter(3, 0), twin = (int)MUST(dup(doubled));
  add(full, 0xfffffffffffffffeu);
  int semaphore = counter(4, EFD_SEMAPHORE), common = counter(0, EFD_SEMAPHORE), ask[2];
  int together = (int)MUST(epoll_create1(0));
  watch(together, common, EPOLLIN, 99);
  MUST(pipe(ask));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {  // when asked it takes one from the common semaphore, seen through the common epoll
    char byte;
    signal(SIGUSR1, SIG_IGN);
    if (read(ask[0], &byte, 1) != 1) _exit(9);
    int ready = poll_data(together, &data);
    _exit(ready == 1 && data == 99 ? (int)take(common) : 8);
  }
  say_ready();
  wait_for_stop();

  claim("nested");
  EXPECT("the outer at first", 0, poll_data(outer, &data));
  add(bell, 1);
  EXPECT("the outer", 1, poll_data(outer, &data));
  EXPECT("its data", 22, data);
  EXPECT("the inner", 1, poll_data(inner, &data));
  EXPECT("data of the inner", 11, data);
  PROVE("nested-level", 1, poll_data(outer, &data));
  claim("renumbered");
  add(other, 1);
  EXPECT("the number reused", number, other);
  EXPECT("what the other does", 0, poll_data(moved, &data));
  add(renumbered, 1);
  EXPECT("what the watched one does", 1, poll_data(moved, &data));
  EXPECT("its data", 34, data);
  claim("added-twice");
  add(same, 1);
  struct epoll_event both[4];
  EXPECT("both watches", 2, MUST(epoll_wait(twice, both, 4, 0)));
  EXPECT("their data", 89, both[0].data.u64 + both[1].data.u64);
  claim("dup-only-left");
  MUST(close(same));
  EXPECT("one open file left", 2, MUST(epoll_wait(twice, both, 4, 0)));
  claim("exclusive");
  add(alone, 1);
  EXPECT("ready", 1, poll_data(exclusive, &data));
  EXPECT("data", 55, data);
  claim("edge-again");
  add(edged, 1);
  EXPECT("an edge", 1, poll_data(edge, &data));
  EXPECT("no edge", 0, poll_data(edge, &data));
  claim("one-shot-used");
  EXPECT("nothing at first", 0, poll_data(shots, &data));
  claim("one-shot-fresh");
  add(fresh, 1);
  EXPECT("the fresh one", 1, poll_data(shots, &data));
  EXPECT("its data", 78, data);
  EXPECT("only once", 0, poll_data(shots, &data));
  claim("many");
  for (int i = 0; i < 100; i += 9) add(watched[i], 1);
  struct epoll_event events[100];
  int ready = (int)MUST(epoll_wait(many, events, 100, 0));
  EXPECT("ready ones", 12, ready);
  claim("order-of-data");
  for (int i = 0; i < ready; i++)
    EXPECT("data", (long long)(0xffffffff00000000u + (uint64_t)i * 9), events[i].data.u64);
  PROVE("no-events", 0, poll_data(silent, &data));
  claim("eventfd-full");
  uint64_t one = 1;
  EXPECT("one more", -1, write(full, &one, sizeof one));
  EXPECT("its errno", EAGAIN, errno);
  EXPECT("value", (long long)0xfffffffffffffffeu, take(full));
  PROVE("eventfd-zero", -EAGAIN, take(zero));
  claim("eventfd-dup");
  add(twin, 4);
  EXPECT("value", 7, take(doubled));
  claim("semaphore-counts");
  for (int i = 0; i < 4; i++) EXPECT("one", 1, take(semaphore));
  EXPECT("empty", -EAGAIN, take(semaphore));
  claim("semaphore-child");
  add(common, 2);
  MUST(write(ask[1], "x", 1));
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("end of the child", 1 << 8, status);
  EXPECT("what it left", 1, take(common));
  PROVE("shared-with-child", 0, poll_data(together, &data));
  return say_ok();
}

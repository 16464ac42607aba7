// inotify DIR: watches with numbers that are not in a row, on a directory, a file and a symbolic link, one of them for one
// event only. Nothing is reported of the move; then each watch reports what it should, under its number.
// @family Event objects
// @directory
// @claim silence events.inotify
// @claim flags events.inotify
// @claim directory events.inotify
// @claim file events.inotify
// @claim one-shot events.inotify
// @claim link events.inotify
// @claim numbers events.inotify
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "workload.h"

static int instance;
static char folder[300], file[400], other[400], linked[400];

static void drain(void) {
  char room[4096];
  struct pollfd ready = {instance, POLLIN, 0};
  while (poll(&ready, 1, 0) == 1) MUST(read(instance, room, sizeof room));
}
static void expect_event(const char* what, int wd, uint32_t mask, const char* name) {
  char room[sizeof(struct inotify_event) + 256] __attribute__((aligned(8)));
  struct pollfd ready = {instance, POLLIN, 0};
  EXPECT(what, 1, poll(&ready, 1, 2000));
  // Room for one event alone: a name takes 16 bytes.
  MUST(read(instance, room, sizeof(struct inotify_event) + (name[0] == 0 ? 0 : 16)));
  const struct inotify_event* event = (void*)room;
  EXPECT("its watch", wd, event->wd);
  EXPECT("what happened", mask, event->mask);
  EXPECT_TEXT("its name", name, event->len == 0 ? "" : event->name);
}
static void touch(const char* path) { close((int)MUST(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600))); }

int main(int argc, char** argv) {
  listen_for_stop();
  if (argc < 2) fail("usage: inotify DIR");
  snprintf(folder, sizeof folder, "%s/watched", argv[1]);
  snprintf(file, sizeof file, "%s/a-file", folder);
  snprintf(other, sizeof other, "%s/other", argv[1]);
  snprintf(linked, sizeof linked, "%s/link", argv[1]);
  MUST(mkdir(folder, 0700));
  touch(file);
  touch(other);
  MUST(symlink("other", linked));
  instance = (int)MUST(inotify_init1(IN_CLOEXEC));
  for (int i = 0; i < 5; i++) MUST(inotify_rm_watch(instance, (int)MUST(inotify_add_watch(instance, "/", IN_DELETE_SELF))));
  int in_folder = (int)MUST(inotify_add_watch(instance, folder, IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_EXCL_UNLINK));
  int gone = (int)MUST(inotify_add_watch(instance, argv[1], IN_CREATE));
  int of_file = (int)MUST(inotify_add_watch(instance, file, IN_ATTRIB | IN_MODIFY));
  int of_link = (int)MUST(inotify_add_watch(instance, linked, IN_ATTRIB | IN_DELETE_SELF | IN_DONT_FOLLOW));
  int once = (int)MUST(inotify_add_watch(instance, other, IN_ATTRIB | IN_ONESHOT));
  MUST(inotify_rm_watch(instance, gone));
  drain();
  int empty = (int)MUST(inotify_init1(IN_NONBLOCK));
  say_ready();
  wait_for_stop();

  char byte;
  struct pollfd ready = {instance, POLLIN, 0};
  claim("silence");
  EXPECT("events of the move", 0, poll(&ready, 1, 0));
  claim("flags");
  EXPECT("close-on-exec", FD_CLOEXEC, fcntl(instance, F_GETFD));
  EXPECT("nonblocking", 0, fcntl(instance, F_GETFL) & O_NONBLOCK);
  EXPECT("the empty one", -1, read(empty, &byte, 1));
  EXPECT("its error", EAGAIN, errno);
  claim("directory");
  char born[400];
  snprintf(born, sizeof born, "%s/born", folder);
  touch(born);
  expect_event("birth in the directory", in_folder, IN_CREATE, "born");
  MUST(unlink(born));
  expect_event("death in the directory", in_folder, IN_DELETE, "born");
  claim("file");
  MUST(chmod(file, 0640));
  expect_event("change of the file", of_file, IN_ATTRIB, "");
  claim("one-shot");
  MUST(chmod(other, 0640));
  expect_event("change of the other file", once, IN_ATTRIB, "");
  expect_event("end of the watch for one event", once, IN_IGNORED, "");
  MUST(chmod(other, 0600));
  claim("link");
  MUST(lchown(linked, getuid(), getgid()));
  expect_event("change of the link", of_link, IN_ATTRIB, "");
  claim("numbers");
  EXPECT("same number for the same file", of_file, MUST(inotify_add_watch(instance, file, IN_ATTRIB)));
  EXPECT("next number", once + 1, MUST(inotify_add_watch(instance, argv[1], IN_CREATE)));
  MUST(inotify_rm_watch(instance, in_folder));
  expect_event("end of a watch", in_folder, IN_IGNORED, "");
  EXPECT("more events", 0, poll(&ready, 1, 0));
  return say_ok();
}

// fanotify-plain DIR: a group as anybody can make it, with names and without descriptors, and one that a child without rights has made.
// Events of others name no process in that, before and after, and it may watch no mount. In motion it makes events and reads them.
// @family Event objects
// @directory
// @claim silence events.fanotify-plain
// @claim shown events.fanotify-plain
// @claim names events.fanotify-plain
// @claim others events.fanotify-plain
// @claim strangers events.fanotify-plain
// @claim self events.fanotify-plain
// @claim rights events.fanotify-plain
// @claim flags events.fanotify-plain
#include "fanotify.h"

enum { nobody = 65534, room = 4096, self_type = FAN_EVENT_INFO_TYPE_DFID_NAME };
static int mine, asked[2], answered[2];
static char folder[300], childs[300], before[room], after[room];
static uint64_t turns;

static void make(const char* where, const char* name) {
  char path[400];
  snprintf(path, sizeof path, "%s/%s", where, name);
  MUST(mkdir(path, 0700));
}
static void unmake(const char* where, const char* name) {
  char path[400];
  snprintf(path, sizeof path, "%s/%s", where, name);
  MUST(rmdir(path));
}
static void make_and_read(void) {
  char name[32];
  snprintf(name, sizeof name, "turn-%d", (int)(turns++ % 10));
  make(folder, name);
  expect_named("a birth", mine, FAN_CREATE | FAN_ONDIR, self_type, name);
  unmake(folder, name);
  expect_named("a death", mine, FAN_DELETE | FAN_ONDIR, self_type, name);
}
static int make_group(int directory) {
  int group = (int)MUST(fanotify_init(FAN_REPORT_DFID_NAME | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY));
  MUST(fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_CREATE | FAN_DELETE | FAN_ONDIR, directory,
                     NULL));
  return group;
}
// Whom the group names as the causer of the next event.
static int causer(int group) {
  Events events;
  const struct fanotify_event_metadata* event;
  size_t at = 0;
  read_events(group, &events);
  if (!next_event(&events, &at, -1, &event)) fail("causer: expected an event got none");
  return event->pid;
}

// Without rights from here on. It does what it is asked for: looks (l), makes something and looks (m), tries to watch a mount (r).
__attribute__((noreturn)) static void live_as_nobody(int directory) {
  char word;
  if (getuid() == 0) {
    MUST(setresgid(nobody, nobody, nobody));
    MUST(setresuid(nobody, nobody, nobody));
  }
  int group = make_group(directory);
  show_group(group, before, room);
  MUST(write(answered[1], "y", 1));
  while (MUST(read(asked[0], &word, 1)) == 1) {
    if (word == 'q') EXPECT("events that the child has not asked for", 0, has_events(group));
    if (word == 'l') EXPECT("who has made what a stranger has made", 0, causer(group));
    if (word == 'm') {
      MUST(mkdirat(directory, "own", 0700));
      EXPECT("who has made what the reader has made", getpid(), causer(group));
    }
    if (word == 's') show_group(group, after, room), EXPECT_TEXT("fdinfo of the child's", before, after);
    if (word == 'r') {
      EXPECT("a mark on a mount", -1,
             fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN, directory, NULL));
      EXPECT("its error", EPERM, errno);
    }
    MUST(write(answered[1], "y", 1));
  }
  _exit(0);
}
static void ask(const char* word) {
  char said = 0;
  if (word[0] != 0) MUST(write(asked[1], word, 1));
  MUST(read(answered[0], &said, 1));
  EXPECT(word, 'y', said);
}

int main(int argc, char** argv) {
  listen_for_stop();
  motion = make_and_read;
  if (argc < 2) fail("usage: fanotify-plain DIR");
  snprintf(folder, sizeof folder, "%s/watched", argv[1]);
  snprintf(childs, sizeof childs, "%s/watched-by-child", argv[1]);
  MUST(mkdir(folder, 0755)), MUST(mkdir(childs, 0777)), MUST(chmod(childs, 0777));
  MUST(pipe2(asked, O_CLOEXEC)), MUST(pipe2(answered, O_CLOEXEC));
  int directory = (int)MUST(open(childs, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    close(answered[0]), close(asked[1]);
    live_as_nobody(directory);
  }
  close(answered[1]), close(asked[0]);
  mine = make_group((int)MUST(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  ask("");
  show_group(mine, before, room);
  say_ready();
  wait_for_stop();

  claim("silence");
  EXPECT("events of the move", 0, has_events(mine));
  ask("q");
  claim("shown");
  show_group(mine, after, room);
  EXPECT_TEXT("fdinfo", before, after);
  ask("s");
  claim("names");
  make_and_read();
  claim("others");
  pid_t stranger = (pid_t)MUST(fork());
  if (stranger == 0) {
    make(folder, "born");
    _exit(0);
  }
  MUST(waitpid(stranger, NULL, 0));
  EXPECT("who has made it, as root may know", getuid() == 0 ? stranger : 0, causer(mine));
  claim("strangers");
  make(childs, "strange");
  ask("l");
  claim("self");
  ask("m");
  claim("rights");
  ask("r");
  claim("flags");
  char byte;
  EXPECT("close-on-exec", FD_CLOEXEC, fcntl(mine, F_GETFD));
  EXPECT("an empty one", -1, read(mine, &byte, 1));
  EXPECT("its error", EAGAIN, errno);
  close(asked[1]);
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("the child", 0, status);
  return say_ok();
}

// fanotify DIR: groups as only root can make them, with descriptors, with names, that ignore, that would decide; on files, a directory,
// a mount and a file system. Nothing is reported of the move; then each reports what it should. In motion it makes events and reads them.
// @family Event objects
// @turn dev-shm
// @root
// @directory
// @claim silence events.fanotify
// @claim shown events.fanotify
// @claim flags events.fanotify
// @claim file events.fanotify
// @claim descriptors events.fanotify
// @claim directory events.fanotify
// @claim ignored events.fanotify-ignored
// @claim ignored-until-modified events.fanotify-ignored
// @claim names events.fanotify-names
// @claim rename events.fanotify-names
// @claim mount events.fanotify-mounts
// @claim filesystem events.fanotify-mounts
// @claim threads events.fanotify
// @claim audit events.fanotify
// @claim shared events.fanotify
// @claim more events.fanotify
#include "fanotify.h"

#include <pthread.h>

enum { groups = 7, room = 4096 };  // bytes of what fdinfo shows
static int plain, ignoring, named, on_mount, on_filesystem, content, empty;
static char folder[300], file[400], quiet[400], shm_file[100], shm_other[100];
static uint64_t turns;

static void mark(int group, unsigned flags, uint64_t mask, const char* path) {
  MUST(fanotify_mark(group, FAN_MARK_ADD | flags, mask, AT_FDCWD, path));
}
static void read_byte(const char* path) {
  char byte;
  int fd = (int)MUST(open(path, O_RDONLY | O_CLOEXEC));
  MUST(read(fd, &byte, 1));
  close(fd);
}
static const int* all(void) {
  static int list[groups];
  const int now[groups] = {plain, ignoring, named, on_mount, on_filesystem, content, empty};
  memcpy(list, now, sizeof now);
  return list;
}

static void make_and_read(void) {
  touch(file);
  close(expect_event("a turn", plain, FAN_MODIFY | FAN_CLOSE_WRITE, getpid()));
  char name[32], path[400];
  snprintf(name, sizeof name, "turn-%d", (int)(turns++ % 10));
  snprintf(path, sizeof path, "%s/%s", folder, name);
  MUST(mkdir(path, 0700));
  expect_named("a birth", named, FAN_CREATE | FAN_ONDIR, FAN_EVENT_INFO_TYPE_DFID_NAME, name);
  MUST(rmdir(path));
  expect_named("a death", named, FAN_DELETE | FAN_ONDIR, FAN_EVENT_INFO_TYPE_DFID_NAME, name);
}

static void make_groups(void) {
  plain = (int)MUST(fanotify_init(FAN_CLOEXEC | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
                                  O_RDWR | O_CLOEXEC | O_NOATIME | O_LARGEFILE));
  mark(plain, FAN_MARK_EVICTABLE, FAN_MODIFY | FAN_CLOSE_WRITE, file);
  mark(plain, FAN_MARK_ONLYDIR, FAN_OPEN | FAN_ONDIR, folder);
  ignoring = (int)MUST(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
  mark(ignoring, 0, FAN_ALL_EVENTS | FAN_OPEN_EXEC | FAN_EVENT_ON_CHILD, folder);
  mark(ignoring, FAN_MARK_IGNORED_MASK, FAN_ACCESS | FAN_OPEN | FAN_CLOSE, quiet);
  mark(ignoring, FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_ALL_EVENTS, file);
  mark(ignoring, FAN_MARK_IGNORE_SURV, FAN_OPEN | FAN_CLOSE | FAN_ONDIR, folder);
  named = (int)MUST(fanotify_init(FAN_REPORT_DFID_NAME_TARGET | FAN_NONBLOCK, 0));
  mark(named, 0, FAN_CREATE | FAN_DELETE | FAN_RENAME | FAN_ONDIR, folder);
  mark(named, 0, FAN_ATTRIB, quiet);
  // Both are seen by everybody on the machine: so events that hardly anybody makes.
  on_mount = (int)MUST(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
  mark(on_mount, FAN_MARK_MOUNT, FAN_ACCESS, "/dev/shm");
  on_filesystem = (int)MUST(fanotify_init(FAN_REPORT_DFID_NAME | FAN_REPORT_FID, 0));
  mark(on_filesystem, FAN_MARK_FILESYSTEM, FAN_MOVED_TO, "/dev/shm");
  content = (int)MUST(fanotify_init(FAN_CLASS_CONTENT | FAN_ENABLE_AUDIT | FAN_REPORT_TID, O_RDONLY));
  mark(content, 0, FAN_CLOSE_WRITE, quiet);
  empty = (int)MUST(fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_NONBLOCK | FAN_REPORT_PIDFD, O_RDONLY));
}

static void* write_quiet(void* tid) {
  *(pid_t*)tid = gettid();
  touch(quiet);
  return NULL;
}

static void check_ignored(void) {
  claim("ignored");
  drain(ignoring);
  read_byte(file), touch(file);
  read_byte(quiet);
  close((int)MUST(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  EXPECT("events that are ignored", 0, has_events(ignoring));
  claim("ignored-until-modified");
  int fd = (int)MUST(open(quiet, O_WRONLY | O_CLOEXEC));
  MUST(write(fd, "y", 1));
  close(fd);
  close(expect_event("a change, and what comes after it", ignoring, FAN_MODIFY | FAN_CLOSE_WRITE, getpid()));
}

static void check_shared(void) {
  claim("shared");
  drain(plain);
  int ends[2];
  MUST(pipe2(ends, O_CLOEXEC));
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    touch(file);
    close(expect_event("its own event", plain, FAN_MODIFY | FAN_CLOSE_WRITE, getpid()));
    _exit(0);
  }
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("the child, who reads from the same group", 0, status);
  EXPECT("events that are left", 0, has_events(plain));
}

static void check_names(void) {
  char from[400], to[400];
  snprintf(from, sizeof from, "%s/before", folder);
  snprintf(to, sizeof to, "%s/after", folder);
  claim("names");
  touch(from);
  expect_named("a birth", named, FAN_CREATE, FAN_EVENT_INFO_TYPE_DFID_NAME, "before");
  claim("rename");
  MUST(rename(from, to));
  expect_named("a new name", named, FAN_RENAME, FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, "after");
  MUST(unlink(to));
  expect_named("a death", named, FAN_DELETE, FAN_EVENT_INFO_TYPE_DFID_NAME, "after");
}

static void check_mounts(void) {
  claim("mount");
  drain(on_mount);
  touch(shm_file);
  read_byte(shm_file);
  close(expect_event("reading on the mount", on_mount, FAN_ACCESS, getpid()));
  claim("filesystem");
  drain(on_filesystem);
  MUST(rename(shm_file, shm_other));
  EXPECT("a descriptor", FAN_NOFD,
         expect_event("a name in the file system", on_filesystem, FAN_MOVED_TO, getpid()));
  MUST(unlink(shm_other));
}

static void check_content(void) {
  claim("threads");
  pthread_t thread;
  pid_t tid = 0;
  drain(content);
  MUST0(pthread_create(&thread, NULL, write_quiet, &tid));
  MUST0(pthread_join(thread, NULL));
  close(expect_event("a thread's", content, FAN_CLOSE_WRITE, tid));
  claim("audit");
  struct fanotify_response unasked = {.fd = 0x7ffffff0, .response = FAN_ALLOW | FAN_AUDIT};
  EXPECT("a response that nobody waits for", -1, write(content, &unasked, sizeof unasked));
  EXPECT("its error", ENOENT, errno);
  EXPECT("the same where nothing is audited", -1, write(plain, &unasked, sizeof unasked));
  EXPECT("its error", EINVAL, errno);
}

int main(int argc, char** argv) {
  static char before[groups][room], after[room];
  listen_for_stop();
  motion = make_and_read;
  if (argc < 2) fail("usage: fanotify DIR");
  snprintf(folder, sizeof folder, "%s/watched", argv[1]);
  snprintf(file, sizeof file, "%s/a-file", folder);
  snprintf(quiet, sizeof quiet, "%s/quiet", folder);
  snprintf(shm_file, sizeof shm_file, "/dev/shm/fanotify-%d", getpid());
  snprintf(shm_other, sizeof shm_other, "/dev/shm/fanotify-%d-other", getpid());
  MUST(mkdir(folder, 0700));
  touch(file), touch(quiet);
  // What the tree has there is found again and opened without an event.
  MUST(open(file, O_RDONLY | O_CLOEXEC));
  MUST(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  MUST(chdir(folder));
  make_groups();
  for (int i = 0; i < groups; i++) show_group(all()[i], before[i], room);
  say_ready();
  wait_for_stop();

  claim("silence");
  if (in_motion()) drain(ignoring);
  for (int i = 0; i < groups; i++)
    if (all()[i] != on_mount && all()[i] != on_filesystem)
      EXPECT("events of the move", 0, has_events(all()[i]));
  claim("shown");
  for (int i = 0; i < groups; i++) show_group(all()[i], after, room), EXPECT_TEXT("fdinfo", before[i], after);
  claim("flags");
  char byte;
  EXPECT("close-on-exec", FD_CLOEXEC, fcntl(plain, F_GETFD));
  EXPECT("no close-on-exec", 0, fcntl(named, F_GETFD));
  EXPECT("blocking", 0, fcntl(plain, F_GETFL) & O_NONBLOCK);
  EXPECT("the empty one", -1, read(empty, &byte, 1));
  EXPECT("its error", EAGAIN, errno);
  claim("file");
  touch(file);
  int fd = expect_event("a change of the file", plain, FAN_MODIFY | FAN_CLOSE_WRITE, getpid());
  claim("descriptors");
  EXPECT("its flags", O_RDWR | O_NOATIME,
         fcntl(fd, F_GETFL) & (O_ACCMODE | O_NOATIME | O_APPEND | O_NONBLOCK));
  EXPECT("close-on-exec", FD_CLOEXEC, fcntl(fd, F_GETFD));
  struct stat one, other;
  MUST(fstat(fd, &one)), MUST(stat(file, &other));
  EXPECT("its file", other.st_ino, one.st_ino);
  close(fd);
  claim("directory");
  close((int)MUST(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  close(expect_event("the opening of the directory", plain, FAN_OPEN, getpid()));
  check_ignored();
  check_names();
  check_mounts();
  check_content();
  check_shared();
  claim("more");
  drain(plain), drain(named);
  mark(plain, 0, FAN_ACCESS, quiet);
  read_byte(quiet);
  close(expect_event("an event of a mark that came later", plain, FAN_ACCESS, getpid()));
  MUST(fanotify_mark(plain, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL));
  touch(file), read_byte(quiet);
  EXPECT("events without marks", 0, has_events(plain));
  return say_ok();
}

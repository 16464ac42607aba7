// Descriptors on their way in queues of unix sockets (SCM_RIGHTS), with the names of their senders (SCM_CREDENTIALS, SCM_PIDFD): files that
// a process has too, files that nothing else leads to, one file twice, sockets in sockets and in circles.
// @family Unix sockets
// @directory
// @claim shared files.in-flight
// @claim alone files.in-flight
// @claim contents files.in-flight
// @claim locks files.in-flight
// @claim many files.in-flight
// @claim borders unix.ancillary
// @claim empty unix.ancillary
// @claim nested unix.ancillary
// @claim circles unix.ancillary
// @claim senders unix.ancillary
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "messages.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
enum { kcmp_file = 0, large = 300000 };

static bool same(int a, int b) { return syscall(SYS_kcmp, getpid(), getpid(), kcmp_file, a, b) == 0; }
static int with_content(const char* name, const char* content, int flags) {
  int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
  MUST(write(fd, content, strlen(content)));
  MUST(close(fd));
  return (int)MUST(open(name, flags));
}
static void expect_empty(int socket) {
  struct message got;
  EXPECT("a message too many", false, receive_some(socket, &got, 1, MSG_DONTWAIT));
  EXPECT("why there is none", EAGAIN, errno);
}
static int passes_pidfd;
// Streams, datagrams, packets: before SO_PASSCRED, by oneself, in another's name, by one who has ended.
static pid_t ended;
static struct pair names[3];
static void send_names(void) {
  for (int i = 0; i < 3; i++) {
    int on = 1, null = (int)MUST(open("/dev/null", O_RDONLY));
    names[i] = make_pair((int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[i]);
    SEND(names[i].in, "unasked");
    MUST(setsockopt(names[i].out, SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
    passes_pidfd = setsockopt(names[i].out, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on) == 0;
    SEND(names[i].in, "own", null);
    struct ucred other = {getpid(), getuid(), getgid()};
    if (geteuid() == 0) other.uid = 4321, other.gid = 8765;
    send_named(names[i].in, "other", 5, &other, 1, &null);
    close(null);
  }
  ended = (pid_t)MUST(fork());
  if (ended == 0) {
    for (int i = 0; i < 3; i++) SEND(names[i].in, "ended");
    _exit(0);
  }
  MUST(waitpid(ended, NULL, 0));
}
static void expect_sender(const char* what, const struct message* got, pid_t pid, uid_t uid, gid_t gid) {
  EXPECT("a sender", true, got->has_sender);
  EXPECT(what, pid, got->sender.pid);
  EXPECT(what, uid, got->sender.uid);
  EXPECT(what, gid, got->sender.gid);
}
static void check_names(void) {
  for (int i = 0; i < 3; i++) {
    struct message got = receive(names[i].out, "unasked", 0);
    expect_sender("nobody", &got, 0, 65534, 65534);
    got = receive(names[i].out, "own", 1);
    expect_sender("oneself", &got, getpid(), geteuid(), getegid());
    if (passes_pidfd) MUST(syscall(SYS_pidfd_send_signal, got.pidfd, 0, NULL, 0));
    got = receive(names[i].out, "other", 1);
    expect_sender("another", &got, getpid(), geteuid() == 0 ? 4321 : getuid(),
                  getegid() == 0 ? 8765 : getgid());
    got = receive(names[i].out, "ended", 0);
    expect_sender("one who has ended", &got, ended, geteuid(), getegid());
    SEND(names[i].in, "now");
    got = receive(names[i].out, "now", 0);
    expect_sender("oneself now", &got, getpid(), geteuid(), getegid());
  }
}

int main(int argc, char** argv) {
  if (argc < 2) fail("arguments: expected a directory got none");
  MUST(chdir(argv[1]));
  listen_for_stop();
  int shared = with_content("shared", "0123456789", O_RDONLY),
      alone = with_content("alone", "abcdefghij", O_RDWR);
  struct pair files[3];
  MUST(lseek(shared, 3, SEEK_SET));
  MUST(lseek(alone, 2, SEEK_SET));
  int deleted = with_content("deleted", "content of a deleted file", O_RDWR);
  MUST(unlink("deleted"));
  int memfd = (int)MUST(memfd_create("in flight", 0)), locked = with_content("locked", "", O_RDWR);
  MUST(ftruncate(memfd, large));
  MUST(pwrite(memfd, "end", 3, large - 3));
  MUST(flock(locked, LOCK_EX));
  for (int i = 0; i < 3; i++) {
    files[i] = make_pair((int[]){SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}[i]);
    SEND(files[i].in, "both", shared, alone);
    SEND(files[i].in, "plain");
    SEND(files[i].in, "twice", alone, alone);
    SEND(files[i].in, "more");
    SEND(files[i].in, "contents", deleted, memfd, locked);
    if (i == 0) continue;
    send_named(files[i].in, "", 0, NULL, 0, NULL);
    send_named(files[i].in, "", 0, NULL, 1, &shared);
  }
  close(alone), close(deleted), close(memfd), close(locked);
  struct pair many = make_pair(SOCK_STREAM);
  int events[most_fds];
  for (int i = 0; i < most_fds; i++) events[i] = (int)MUST(eventfd((unsigned)i + 1, EFD_NONBLOCK));
  for (int i = 0; i < 4; i++) send_named(many.in, "many", 4, NULL, most_fds - i, events);
  for (int i = 0; i < most_fds; i++) close(events[i]);

  // Sockets in sockets: each level brings the next; the innermost is sent first.
  struct pair level = make_pair(SOCK_DGRAM), outermost;
  SEND(level.in, "innermost", shared);
  for (int i = 0; i < 4; i++) {
    outermost = make_pair(i % 2 == 0 ? SOCK_STREAM : SOCK_SEQPACKET);
    SEND(outermost.in, "level", level.in, level.out);
    close(level.in), close(level.out);
    level = outermost;
  }
  struct pair own = make_pair(SOCK_DGRAM), one = make_pair(SOCK_STREAM), two = make_pair(SOCK_STREAM);
  SEND(own.in, "myself", own.out, own.in);
  close(own.in);
  SEND(one.in, "of one", two.out);
  SEND(two.in, "of two", one.out);
  close(two.out), close(one.in);
  send_names();
  say_ready();
  wait_for_stop();

  claim("shared");
  struct message first[3], second;
  for (int i = 0; i < 3; i++) {
    first[i] = receive(files[i].out, "both", 2);
    EXPECT("one open file, here and in flight", true, same(shared, first[i].fds[0]));
  }
  expect_content("read through another", first[1].fds[0], "3456789");
  EXPECT("its offset", 10, MUST(lseek(shared, 0, SEEK_CUR)));
  claim("alone");
  EXPECT("one open file in three queues", true, same(first[0].fds[1], first[2].fds[1]));
  EXPECT("offset", 2, MUST(lseek(first[0].fds[1], 0, SEEK_CUR)));
  expect_content("of the file", first[1].fds[1], "cdefghij");
  claim("borders");
  int contents[3][3];
  for (int i = 0; i < 3; i++) {
    static struct message got;
    EXPECT("a part", true, receive_some(files[i].out, &got, 5, 0));
    EXPECT("bytes before descriptors", 5, got.size);
    EXPECT("descriptors before their message", 0, got.count);
    second = receive(files[i].out, "twice", 2);
    EXPECT("one open file, twice", true,
           same(second.fds[0], second.fds[1]) && same(second.fds[0], first[0].fds[1]));
    EXPECT("peek", true, receive_some(files[i].out, &got, i == 0 ? 12 : 4, MSG_PEEK));
    EXPECT("peeked bytes", i == 0 ? 12 : 4, got.size);
    for (int k = 0; k < got.count; k++) close(got.fds[k]);
    EXPECT("more", true, receive_some(files[i].out, &got, 4, 0));
    second = receive(files[i].out, "contents", 3);
    memcpy(contents[i], second.fds, sizeof contents[i]);
  }
  claim("empty");
  for (int i = 1; i < 3; i++) {
    receive(files[i].out, "", 0);
    second = receive(files[i].out, "", 1);
    EXPECT("with an empty message", true, same(second.fds[0], shared));
    expect_empty(files[i].out);
  }
  expect_empty(files[0].out);
  claim("contents");
  expect_content("of the deleted file", contents[0][0], "content of a deleted file");
  char end[4] = {0};
  MUST(pread(contents[1][1], end, 3, large - 3));
  EXPECT_TEXT("of the memfd", "end", end);
  struct stat stat_;
  MUST(fstat(contents[0][0], &stat_));
  EXPECT("links of the deleted file", 0, stat_.st_nlink);
  for (int k = 0; k < 3; k++) EXPECT("one of each", true, same(contents[0][k], contents[2][k]));
  claim("locks");
  int rival = (int)MUST(open("locked", O_RDWR));
  EXPECT("the lock is held", -1, flock(rival, LOCK_EX | LOCK_NB));
  for (int i = 0; i < 3; i++) close(contents[i][2]);
  MUST(flock(rival, LOCK_EX | LOCK_NB));
  claim("many");
  struct message all = receive(many.out, "many", most_fds);
  for (int i = 0; i < most_fds; i++) {
    uint64_t value;
    MUST(read(all.fds[i], &value, sizeof value));
    EXPECT("a counter", i + 1, value);
  }
  for (int i = 1; i < 4; i++) {
    second = receive(many.out, "many", most_fds - i);
    for (int k = 0; k < second.count; k++) {
      EXPECT("the same again", true, same(second.fds[k], all.fds[k]));
      close(second.fds[k]);
    }
  }
  claim("nested");
  for (int i = 0; i < 4; i++) {
    second = receive(level.out, "level", 2);
    level = (struct pair){second.fds[0], second.fds[1]};
  }
  second = receive(level.out, "innermost", 1);
  EXPECT("the innermost file", true, same(second.fds[0], shared));
  SEND(level.in, "lives");
  receive(level.out, "lives", 0);
  claim("circles");
  second = receive(own.out, "myself", 2);
  EXPECT("in its own queue", true, same(second.fds[0], own.out));
  SEND(second.fds[1], "after that");
  receive(own.out, "after that", 0);
  second = receive(one.out, "of one", 1);
  second = receive(second.fds[0], "of two", 1);
  EXPECT("around the circle", true, same(second.fds[0], one.out));
  claim("senders");
  check_names();
  return say_ok();
}

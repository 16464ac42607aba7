// One descriptor table behind several processes (CLONE_FILES), over two generations: what one opens, closes or marks after the move
// the others must have as well, record locks belong to all of them, and a process that has left the table (unshare) or was forked from
// it must see nothing of that.
// @family Process tree
// @directory
// @claim opened-by-child tree.clone-files
// @claim opened-by-grandchild tree.clone-files
// @claim closed tree.clone-files
// @claim mark tree.clone-files
// @claim table tree.clone-files
// @claim record-lock tree.clone-files
// @claim left tree.clone-files
// @claim forked tree.clone-files
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/stat.h>

#include "workload.h"

typedef enum { do_open, do_close, do_look, do_mark, do_lock, do_unlock } Deed;
struct order {
  Deed deed;
  int fd;
};
struct member {
  pid_t pid;
  int ask[2], answer[2];
};
static struct member child, grandchild, leaver, copy;
static struct member* const all[] = {&child, &grandchild, &leaver, &copy};

static pid_t clone_with(unsigned long flags) {
  return (pid_t)MUST(syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
}

static int act(struct order order) {
  struct flock lock = {.l_type = order.deed == do_lock ? F_WRLCK : F_UNLCK};
  switch (order.deed) {
    case do_open: return open("file", O_RDWR);
    case do_close: return close(order.fd);
    case do_look: return fcntl(order.fd, F_GETFD);
    case do_mark: return fcntl(order.fd, F_SETFD, FD_CLOEXEC);
    default: return fcntl(order.fd, F_SETLK, &lock);
  }
}

// Does what it is told, and answers with what came of it: a number, or a negative errno.
static void serve(struct member* self) {
  struct order order;
  signal(SIGUSR1, SIG_IGN);
  for (;;) {
    ssize_t got = read(self->ask[0], &order, sizeof order);
    if (got == -1 && errno == EINTR) continue;
    if (got != sizeof order) _exit(0);
    int result = act(order);
    if (result == -1) result = -errno;
    MUST(write(self->answer[1], &result, sizeof result));
  }
}
static int ask(struct member* member, Deed deed, int fd) {
  struct order order = {deed, fd};
  int result;
  MUST(write(member->ask[1], &order, sizeof order));
  EXPECT("an answer", sizeof result, MUST(read(member->answer[0], &result, sizeof result)));
  return result;
}

// In motion, the table changes all the time: one opens, another marks, the third closes.
static void change_table(void) {
  int fd = ask(&child, do_open, 0);
  if (fd < 0) fail("what the child opens: expected a number got %d", fd);
  EXPECT("what the child has opened", 0, MUST(fcntl(fd, F_GETFD)));
  EXPECT("a mark by the grandchild", 0, ask(&grandchild, do_mark, fd));
  EXPECT("what the grandchild has marked", FD_CLOEXEC, MUST(fcntl(fd, F_GETFD)));
  MUST(close(fd));
  EXPECT("what was closed", -EBADF, ask(&child, do_look, fd));
}

static int same_table(pid_t other) { return (int)MUST(syscall(SYS_kcmp, getpid(), other, KCMP_FILES, 0, 0)); }

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  listen_for_stop();
  MUST(chdir(argv[1]));
  MUST(close((int)MUST(creat("file", 0600))));
  int locked = (int)MUST(open("locked", O_RDWR | O_CREAT, 0600));  // not the other: a close would release it
  for (int i = 0; i < 4; i++) {
    MUST(pipe(all[i]->ask));
    MUST(pipe(all[i]->answer));
  }
  pid_t* pids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (pids == MAP_FAILED) fail("memory: expected some got none");
  child.pid = clone_with(CLONE_FILES);
  if (child.pid == 0) {
    pid_t own[3];
    if ((own[0] = clone_with(CLONE_FILES)) == 0) serve(&grandchild);
    if ((own[1] = clone_with(CLONE_FILES)) == 0) {
      MUST(unshare(CLONE_FILES));
      serve(&leaver);
    }
    if ((own[2] = clone_with(0)) == 0) serve(&copy);
    memcpy(pids, own, sizeof own);
    serve(&child);
  }
  // Each answers when it stands where it shall be; a fork's table is as it was then.
  for (int i = 0; i < 4; i++) EXPECT("its lock file", 0, ask(all[i], do_look, locked));
  while (((_Atomic pid_t*)pids)[2] == 0) usleep(1000);
  grandchild.pid = pids[0], leaver.pid = pids[1], copy.pid = pids[2];
  struct flock whole = {.l_type = F_WRLCK};
  MUST(fcntl(locked, F_SETLK, &whole));
  motion = change_table;
  say_ready();
  wait_for_stop();

  int first = ask(&child, do_open, 0);
  PROVE("opened-by-child", 0, fcntl(first, F_GETFD));
  PROVE("left", -EBADF, ask(&leaver, do_look, first));
  PROVE("forked", -EBADF, ask(&copy, do_look, first));
  int second = ask(&grandchild, do_open, 0);
  PROVE("opened-by-grandchild", 0, ask(&child, do_look, second));
  MUST(ask(&grandchild, do_mark, first));
  PROVE("mark", FD_CLOEXEC, fcntl(first, F_GETFD));
  MUST(close(first));
  PROVE("closed", -EBADF, ask(&grandchild, do_look, first));
  EXPECT("same table as the leaver's", 1, same_table(leaver.pid) != 0);
  PROVE("table", 0, same_table(child.pid) | same_table(grandchild.pid));
  claim("record-lock");
  EXPECT("a lock that a stranger asks for", -EAGAIN, ask(&leaver, do_lock, locked));
  EXPECT("a lock of its own table", 0, ask(&grandchild, do_lock, locked));
  EXPECT("its release by another", 0, ask(&child, do_unlock, locked));
  EXPECT("the stranger's turn", 0, ask(&leaver, do_lock, locked));
  for (int i = 0; i < 4; i++) kill(all[i]->pid, SIGKILL);
  return say_ok();
}

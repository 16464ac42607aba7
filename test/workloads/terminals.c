// Pseudoterminals with both ends in the tree. A shell-like child leads a session on one: it waits in read(2), answers each line
// through /dev/tty, and has a job that was stopped for reading in the background. Others hold unread input and output, odd
// settings, a closed slave, a closed master. In motion the child keeps answering.
// @family Terminals
// @turn terminals
// @claim number tty.pty
// @claim read calls.tty
// @claim device files.tty
// @claim session tty.state
// @claim interrupt tty.state
// @claim resize tty.state
// @claim job tty.state
// @claim hang-up tty.pty
// @claim settings tty.state
// @claim input tty.state
// @claim output tty.state
// @claim flow tty.state
// @claim closed-slave tty.pty
// @claim closed-master tty.pty
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "workload.h"

struct pair {
  int master, slave;
  char name[64];
};

// Variants that run at the same time use other numbers: both may be on one host. Somebody who makes one just now may hold those.
static struct pair make(void) {
  struct pair made;
  int held[128], count = 0, base = in_motion() ? 40 : 20, number;
  for (;;) {
    made.master = (int)MUST(posix_openpt(O_RDWR | O_NOCTTY));
    MUST(ioctl(made.master, TIOCGPTN, &number));
    if (number >= base && number < base + 20) break;
    held[count++] = made.master;
    if (number < base) continue;
    while (count > 0) close(held[--count]);
    usleep(1000);
  }
  while (count > 0) close(held[--count]);
  MUST(unlockpt(made.master));
  MUST(ptsname_r(made.master, made.name, sizeof made.name));
  made.slave = (int)MUST(open(made.name, O_RDWR | O_NOCTTY));
  return made;
}

static void set_local(int fd, tcflag_t local) {
  struct termios settings;
  MUST(tcgetattr(fd, &settings));
  settings.c_lflag = local;
  settings.c_oflag = 0;
  if (local == 0) settings.c_iflag = 0;
  MUST(tcsetattr(fd, TCSANOW, &settings));
}

static int tty;
static void on_interrupt(int signal) {
  MUST(write(tty, signal == SIGINT ? "int\n" : "?\n", signal == SIGINT ? 4 : 2));
}
static void on_resize(int signal) {
  char text[64];
  struct winsize size;
  (void)signal;
  MUST(ioctl(tty, TIOCGWINSZ, &size));
  MUST(write(tty, text, (size_t)snprintf(text, sizeof text, "size %d %d\n", size.ws_row, size.ws_col)));
}
static void on_hang_up(int signal) { _exit(signal); }

__attribute__((noreturn)) static void shell(const struct pair* pair) {
  MUST(setsid());
  MUST(ioctl(pair->slave, TIOCSCTTY, 0));
  tty = (int)MUST(open("/dev/tty", O_RDWR));
  pid_t job = (pid_t)MUST(fork());
  if (job == 0) {
    char byte;
    MUST(setpgid(0, 0));
    _exit(read(pair->slave, &byte, 1) == 1 ? byte : 99);
  }
  int status;
  MUST(waitpid(job, &status, WUNTRACED));
  EXPECT("the job's stop", SIGTTIN << 8 | 0x7f, status);
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  MUST(sigaction(SIGINT, &action, NULL));
  action.sa_handler = on_resize;
  MUST(sigaction(SIGWINCH, &action, NULL));
  signal(SIGHUP, on_hang_up);
  for (;;) {
    char line[256], answer[512];
    ssize_t got = MUST(read(pair->slave, line, sizeof line - 1));
    line[got] = 0;
    if (strcmp(line, "who\n") == 0) {
      snprintf(answer, sizeof answer, "%s %d %d %d\n", ttyname(pair->slave),
               (int)MUST(tcgetsid(tty)) == getpid(), (int)MUST(tcgetpgrp(tty)) == getpid(),
               ttyname(tty) != NULL);
    } else if (strcmp(line, "job\n") == 0) {
      pid_t told = waitpid(job, &status, WUNTRACED | WNOHANG);
      struct sigaction quiet = {.sa_handler = SIG_IGN}, before;
      MUST(tcsetpgrp(tty, job));
      MUST(kill(job, SIGCONT));
      MUST(waitpid(job, &status, 0));
      MUST(sigaction(SIGTTOU, &quiet, &before));
      MUST(tcsetpgrp(tty, getpid()));
      MUST(sigaction(SIGTTOU, &before, NULL));
      snprintf(answer, sizeof answer, "%d %d\n", (int)told, WEXITSTATUS(status));
    } else {
      snprintf(answer, sizeof answer, "got %s", line);
    }
    MUST(write(tty, answer, strlen(answer)));
  }
}

static struct pair console;

static const char* answer(void) {
  static char text[512];
  size_t used = 0;
  while (used == 0 || text[used - 1] != '\n') {
    struct pollfd wanted = {.fd = console.master, .events = POLLIN};
    int ready;
    while ((ready = poll(&wanted, 1, 20000)) == -1 && errno == EINTR) continue;  // the stop comes at any time
    if (MUST(ready) == 0) fail("an answer: expected one in 20 s got %.*s", (int)used, text);
    used += (size_t)MUST(read(console.master, text + used, 1));
  }
  text[used] = 0;
  return text;
}

static const char* ask(const char* line) {
  MUST(write(console.master, line, strlen(line)));
  return answer();
}

static void ask_again(void) {
  static unsigned long count;
  char line[64], wanted[80];
  snprintf(line, sizeof line, "%lu\n", ++count);
  snprintf(wanted, sizeof wanted, "got %s", line);
  EXPECT_TEXT("an answer in motion", wanted, ask(line));
}

static ssize_t read_now(int fd, char* text, size_t size) {
  int waits = 0;
  MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK));
  ssize_t got = read(fd, text, size);
  while (got == -1 && errno == EAGAIN && waits++ < 50) usleep(1000), got = read(fd, text, size);
  return got;
}

int main(void) {
  listen_for_stop();
  console = make();
  set_local(console.slave, ICANON | ISIG);
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    close(console.master);
    shell(&console);
  }
  struct winsize size = {.ws_row = 31, .ws_col = 97, .ws_xpixel = 7, .ws_ypixel = 9}, seen;
  MUST(ioctl(console.master, TIOCSWINSZ, &size));
  EXPECT_TEXT("the first answer", "got hello\n", ask("hello\n"));

  struct pair odd = make(), typed = make(), raw = make(), held = make(), shut = make(), orphan = make();
  struct termios settings, now;
  MUST(tcgetattr(odd.slave, &settings));
  settings.c_iflag = IXANY | INLCR | IUTF8;
  settings.c_oflag = OPOST | ONLCR | OLCUC;
  settings.c_cc[VKILL] = 'k';
  settings.c_cc[VTIME] = 17;
  MUST(cfsetispeed(&settings, B1200));
  MUST(cfsetospeed(&settings, B115200));
  MUST(tcsetattr(odd.slave, TCSANOW, &settings));
  MUST(tcgetattr(odd.slave, &settings));
  size.ws_row = 12;
  MUST(ioctl(odd.slave, TIOCSWINSZ, &size));
  MUST(fchmod(odd.slave, 0640));
  int yes = 1;
  MUST(ioctl(odd.master, TIOCPKT, &yes));
  MUST(ioctl(odd.slave, TIOCEXCL));
  MUST(ioctl(odd.master, TIOCSPTLCK, &yes));
  MUST(write(typed.master, "one\ntwo\x04\x04three\n\x16\x03par", 20));
  set_local(raw.slave, 0);
  static char bytes[2][3000], got[30000];
  fill_pattern(bytes[0], 3000, 1), fill_pattern(bytes[1], 3000, 2);
  MUST(write(raw.master, bytes[0], 3000));
  MUST(write(raw.slave, bytes[1], 3000));
  set_local(held.slave, ICANON | ISIG);
  MUST(write(held.slave, "held", 4));
  MUST(write(held.master, "\x13", 1));
  MUST(write(shut.slave, "last words", 10));
  close(shut.slave);
  close(orphan.master);
  motion = ask_again;
  say_ready();
  wait_for_stop();

  claim("read");
  EXPECT_TEXT("an answer", "got again\n", ask("again\n"));
  claim("number");
  char wanted[128], name[64];
  snprintf(wanted, sizeof wanted, "%s 1 1 1\n", console.name);
  EXPECT_TEXT("who it is", wanted, ask("who\n"));
  MUST(ptsname_r(console.master, name, sizeof name));
  EXPECT_TEXT("name by the master", console.name, name);
  EXPECT_TEXT("name by the slave", odd.name, ttyname(odd.slave));
  claim("device");
  char link[64] = {0}, path[64];
  struct stat opened;
  int current = -1;
  for (int fd = 0; fd < 64 && current < 0; fd++) {
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)child, fd);
    if (readlink(path, link, sizeof link - 1) == 8 && memcmp(link, "/dev/tty", 8) == 0) current = fd;
  }
  if (current < 0) fail("a descriptor of /dev/tty: expected one got none");
  MUST(stat(path, &opened));
  EXPECT("its device", 0x500, opened.st_rdev);
  claim("session");
  pid_t number = 0;
  MUST(ioctl(console.master, TIOCGSID, &number));
  EXPECT("session", child, number);
  MUST(ioctl(console.master, TIOCGPGRP, &number));
  EXPECT("foreground group", child, number);
  claim("interrupt");
  EXPECT_TEXT("after Ctrl-C", "int\n", ask("\x03"));
  claim("resize");
  struct winsize large = {.ws_row = 50, .ws_col = 132};
  MUST(ioctl(console.master, TIOCGWINSZ, &seen));
  EXPECT("rows", 31, seen.ws_row);
  EXPECT("pixels", 9, seen.ws_ypixel);
  MUST(ioctl(console.master, TIOCSWINSZ, &large));
  EXPECT_TEXT("after the change", "size 50 132\n", answer());
  claim("job");
  MUST(write(console.master, "job\n", 4));
  usleep(50000);
  EXPECT_TEXT("its job", "0 88\n", ask("X\n"));
  EXPECT_TEXT("what the job left", "got \n", answer());
  claim("hang-up");
  close(console.master);
  close(console.slave);
  int status;
  MUST(waitpid(child, &status, 0));
  EXPECT("status of the session's leader", SIGHUP << 8, status);

  claim("settings");
  MUST(tcgetattr(odd.slave, &now));
  EXPECT("settings", 0, memcmp(&settings, &now, sizeof now));
  MUST(ioctl(odd.master, TIOCGWINSZ, &seen));
  EXPECT("window size", 0, memcmp(&size, &seen, sizeof size));
  MUST(fstat(odd.slave, &opened));
  EXPECT("mode of the node", S_IFCHR | 0640, opened.st_mode);
  EXPECT("its owner", geteuid(), opened.st_uid);
  int answer_ = 0;
  MUST(ioctl(odd.master, TIOCGPKT, &answer_));
  EXPECT("packet mode", 1, answer_);
  MUST(ioctl(odd.master, TIOCGPTLCK, &answer_));
  EXPECT("lock", 1, answer_);
  MUST(ioctl(odd.slave, TIOCGEXCL, &answer_));
  EXPECT("exclusive", 1, answer_);
  MUST(ioctl(typed.slave, TIOCGEXCL, &answer_));
  EXPECT("not exclusive", 0, answer_);
  claim("input");
  EXPECT("first line", 4, read_now(typed.slave, got, 100));
  EXPECT("second line", 3, read_now(typed.slave, got, 100));
  EXPECT("end of file", 0, read_now(typed.slave, got, 100));
  EXPECT("third line", 6, read_now(typed.slave, got, 100));
  EXPECT("unfinished line", -1, read_now(typed.slave, got, 100));
  MUST(write(typed.master, "t\n", 2));
  EXPECT("finished line", 6, read_now(typed.slave, got, 100));
  EXPECT("its content", 0, memcmp(got, "\x03part\n", 6));
  EXPECT("raw input", 3000, read_now(raw.slave, got, sizeof got));
  EXPECT("its content", 0, memcmp(got, bytes[0], 3000));
  claim("output");
  EXPECT("raw output", 3000, read_now(raw.master, got, sizeof got));
  EXPECT("its content", 0, memcmp(got, bytes[1], 3000));
  claim("flow");
  EXPECT("output before Ctrl-S", 4, read_now(held.master, got, 100));
  MUST(fcntl(held.slave, F_SETFL, O_RDWR | O_NONBLOCK));
  EXPECT("a write after it", -1, write(held.slave, "x", 1));
  MUST(write(held.master, "\x11", 1));
  usleep(20000);
  EXPECT("a write after Ctrl-Q", 1, write(held.slave, "y", 1));
  claim("closed-slave");
  EXPECT("last words", 10, read_now(shut.master, got, 100));
  EXPECT("behind them", -1, read_now(shut.master, got, 100));
  EXPECT("its errno", EIO, errno);
  claim("closed-master");
  EXPECT("end of file", 0, read(orphan.slave, got, 100));
  EXPECT("a write", -1, write(orphan.slave, "x", 1));
  EXPECT("its errno", EIO, errno);
  return say_ok();
}

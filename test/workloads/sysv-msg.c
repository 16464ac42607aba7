// System V message queues as old servers use them: known by ID and by key, with messages of several types that wait, a full one whose
// sender waits for room, one whose receiver waits for a type. In motion a parent and a child send each other numbers.
// @family Event objects
// @claim messages events.sysv-msg
// @claim identity events.sysv-msg
// @claim users events.sysv-msg
// @claim full events.sysv-msg
// @claim receives calls.sysv
// @claim sends calls.sysv
// @claim numbers events.sysv-msg
#include <sys/ipc.h>
#include <sys/msg.h>

#include "workload.h"

typedef struct {
  long type;
  uint64_t words[256];
} Message;

static key_t key;
static int kept, crowded, asked, answered;
static uint64_t turns;

static void send(int queue, long type, size_t bytes, uint64_t seed) {
  Message message = {.type = type};
  fill_pattern(message.words, bytes, seed);
  while (msgsnd(queue, &message, bytes, 0) == -1)
    if (errno != EINTR) fail("msgsnd: expected success got %s", strerror(errno));
}
static size_t receive(int queue, long wanted, Message* message) {
  ssize_t got;
  while ((got = msgrcv(queue, message, sizeof message->words, wanted, 0)) == -1)
    if (errno != EINTR) fail("msgrcv: expected a message got %s", strerror(errno));
  return (size_t)got;
}
static void expect(int queue, long wanted, long type, size_t bytes, uint64_t seed) {
  Message message;
  EXPECT("bytes", bytes, receive(queue, wanted, &message));
  EXPECT("type", type, message.type);
  check_pattern("text", message.words, bytes, seed);
}
static struct msqid_ds about(int queue) {
  struct msqid_ds found;
  MUST(msgctl(queue, IPC_STAT, &found));
  return found;
}

// The child answers each number with what mix makes of it.
__attribute__((noreturn)) static void answer(void) {
  Message message;
  for (;;) {
    size_t bytes = receive(asked, -9, &message);
    message.words[0] = mix(message.words[0]);
    message.type = 3;
    if (bytes == 0) _exit(0);
    while (msgsnd(answered, &message, bytes, 0) == -1)
      if (errno != EINTR) fail("msgsnd: expected success got %s", strerror(errno));
  }
}
static void ask_one(void) {
  Message message = {.type = 1 + (long)(turns % 9), .words = {turns}};
  MUST(msgsnd(asked, &message, 8 + turns % 64 * 8, 0));
  EXPECT("bytes of an answer", 8 + turns % 64 * 8, receive(answered, 0, &message));
  EXPECT("an answer", (int64_t)mix(turns), (int64_t)message.words[0]);
  turns++;
}
// The kernel does not begin msgsnd and msgrcv anew when a handler has run: the stop must not meet them.
static void ask_undisturbed(void) {
  sigset_t stop, before;
  sigemptyset(&stop), sigaddset(&stop, SIGUSR1);
  sigprocmask(SIG_BLOCK, &stop, &before);
  ask_one();
  sigprocmask(SIG_SETMASK, &before, NULL);
}

int main(void) {
  listen_for_stop();
  key = 0x60000000 + getpid() * 2 + in_motion();
  kept = (int)MUST(msgget(key, IPC_CREAT | IPC_EXCL | 0640));
  crowded = (int)MUST(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  asked = (int)MUST(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  answered = (int)MUST(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  int pid = getpid();
  pid_t replies = (pid_t)MUST(fork());
  if (replies == 0) answer();

  struct msqid_ds small = about(crowded);
  small.msg_qbytes = 3000;
  MUST(msgctl(crowded, IPC_SET, &small));
  send(crowded, 1, 2000, 20), send(crowded, 2, 1000, 21);
  pid_t pushes = (pid_t)MUST(fork());
  if (pushes == 0) {
    send(crowded, 3, 512, 22);
    _exit(31);
  }
  pid_t waits = (pid_t)MUST(fork());
  if (waits == 0) {
    Message message;
    size_t got = receive(kept, 77, &message);
    _exit(got == 16 && message.words[0] == mix(50) ? 32 : 1);
  }
  send(kept, 4, 64, 10), send(kept, 2, 0, 0), send(kept, 4, 2048, 11), send(kept, 9, 8, 12);
  pid_t last = (pid_t)MUST(fork());  // it sends last, and its parent receives last
  if (last == 0) {
    send(kept, 5, 8, 13), send(kept, 6, 8, 14);
    pause();
  }
  expect(kept, 6, 6, 8, 14);
  motion = ask_undisturbed;
  struct msqid_ds before = about(kept);
  say_ready();
  wait_for_stop();

  claim("identity");
  struct msqid_ds now = about(kept);
  EXPECT("its ID by its key", kept, MUST(msgget(key, 0)));
  EXPECT("its mode", 0640, now.msg_perm.mode & 0777);
  EXPECT("its room", before.msg_qbytes, now.msg_qbytes);
  EXPECT("room of the small one", 3000, about(crowded).msg_qbytes);
  claim("users");
  EXPECT("who sent last", last, now.msg_lspid);
  EXPECT("who received last", pid, now.msg_lrpid);
  claim("messages");
  EXPECT("messages", 5, now.msg_qnum);
  expect(kept, 9, 9, 8, 12);
  expect(kept, -4, 2, 0, 0);
  expect(kept, 0, 4, 64, 10);
  expect(kept, 0, 4, 2048, 11);
  expect(kept, 0, 5, 8, 13);
  EXPECT("nothing behind them", -1, msgrcv(kept, &(Message){0}, 8, 0, IPC_NOWAIT));
  claim("full");
  EXPECT("no room", -1, msgsnd(crowded, &(Message){.type = 1}, 8, IPC_NOWAIT));
  EXPECT("its errno", EAGAIN, errno);
  int status;
  claim("receives");
  EXPECT("still waiting", 0, MUST(waitpid(waits, &status, WNOHANG)));
  send(kept, 78, 8, 1), send(kept, 77, 16, 50);
  MUST(waitpid(waits, &status, 0));
  EXPECT("who waited for a type", 32 << 8, status);
  claim("sends");
  EXPECT("still waiting", 0, MUST(waitpid(pushes, &status, WNOHANG)));
  expect(crowded, 0, 1, 2000, 20);
  MUST(waitpid(pushes, &status, 0));
  EXPECT("who waited for room", 31 << 8, status);
  expect(crowded, 0, 2, 1000, 21), expect(crowded, 0, 3, 512, 22);
  claim("numbers");
  ask_one();
  if (in_motion() && turns < 3) fail("numbers: expected some got %d", (int)turns);
  MUST(msgsnd(asked, &(Message){.type = 1}, 0, 0));
  MUST(waitpid(replies, &status, 0));
  EXPECT("who answered", 0, status);
  MUST(kill(last, SIGKILL));
  MUST(waitpid(last, &status, 0));
  for (int i = 0; i < 4; i++) MUST(msgctl(((int[]){kept, crowded, asked, answered})[i], IPC_RMID, NULL));
  return say_ok();
}

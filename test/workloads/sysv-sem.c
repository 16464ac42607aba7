// System V semaphores as databases and old servers use them: known by ID and by key, with waiters for a value and for zero, and with what is
// undone when a process ends, of both signs. In motion a parent and a child take turns by a semaphore that is undone.
// @family Event objects
// @claim values events.sysv-sem
// @claim identity events.sysv-sem
// @claim users events.sysv-sem
// @claim waits calls.sysv-sem
// @claim undone events.sysv-sem
// @claim turns events.sysv-sem
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>

#include "workload.h"

enum { lock, gate, zero, up, down, mixed, untouched, top, count };
static int set;
static volatile uint64_t* shared;  // [0]: turns, [1]: inside, [2]: told to end

static int change(int number, int by, int flags) {
  struct sembuf operation = {.sem_num = (unsigned short)number, .sem_op = (short)by, .sem_flg = (short)flags};
  int result;
  while ((result = semop(set, &operation, 1)) == -1 && errno == EINTR) continue;
  return result;
}
static int value_of(int number) { return (int)MUST(semctl(set, number, GETVAL)); }

static void take_turn(void) {
  MUST(change(lock, -1, SEM_UNDO));
  EXPECT("inside", 0, shared[1]);
  shared[1] = 1;
  shared[0]++;
  usleep(100);
  shared[1] = 0;
  MUST(change(lock, 1, SEM_UNDO));
}
static void tell(int ready) { MUST(write(ready, "r", 1)); }

int main(void) {
  listen_for_stop();
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  key_t key = 0x50000000 + getpid() * 2 + in_motion();
  set = (int)MUST(semget(key, count, IPC_CREAT | IPC_EXCL | 0620));
  MUST(semctl(set, lock, SETVAL, 1));
  MUST(semctl(set, zero, SETVAL, 2));
  MUST(semctl(set, up, SETVAL, 300));
  MUST(semctl(set, down, SETVAL, 300));
  MUST(semctl(set, top, SETVAL, 32767));
  int ready[2], status;
  char byte;
  MUST(pipe(ready));
  pid_t turns = (pid_t)MUST(fork());
  if (turns == 0) {
    while (!shared[2]) take_turn();
    _exit(51);
  }
  pid_t opens = (pid_t)MUST(fork());
  if (opens == 0) {
    MUST(change(gate, -3, 0));
    _exit(52);
  }
  pid_t empties = (pid_t)MUST(fork());
  if (empties == 0) {
    MUST(change(zero, 0, 0));
    _exit(53);
  }
  pid_t undoes = (pid_t)MUST(fork());
  if (undoes == 0) {
    MUST(change(up, -120, SEM_UNDO));
    MUST(change(down, 77, SEM_UNDO));
    MUST(change(mixed, 1000, SEM_UNDO)), MUST(change(mixed, -999, SEM_UNDO));
    MUST(change(top, -1, SEM_UNDO));
    tell(ready[1]);
    for (;;) pause();
  }
  MUST(read(ready[0], &byte, 1));
  pid_t holds = (pid_t)MUST(fork());  // another one, with one of its own
  if (holds == 0) {
    MUST(change(down, 1, SEM_UNDO)), MUST(change(down, -2, SEM_UNDO));
    tell(ready[1]);
    for (;;) pause();
  }
  MUST(read(ready[0], &byte, 1));
  motion = take_turn;
  say_ready();
  wait_for_stop();

  claim("identity");
  struct semid_ds about;
  EXPECT("its ID by its key", set, MUST(semget(key, 0, 0)));
  MUST(semctl(set, 0, IPC_STAT, &about));
  EXPECT("its mode", 0620, about.sem_perm.mode & 0777);
  EXPECT("semaphores", count, about.sem_nsems);
  claim("users");
  EXPECT("of what was set", getpid(), MUST(semctl(set, zero, GETPID)));
  EXPECT("of what was taken", undoes, MUST(semctl(set, up, GETPID)));
  EXPECT("of what was taken later", holds, MUST(semctl(set, down, GETPID)));
  EXPECT("of what nobody touched", 0, MUST(semctl(set, untouched, GETPID)));
  claim("values");
  EXPECT("taken", 180, value_of(up));
  EXPECT("given", 376, value_of(down));
  EXPECT("both", 1, value_of(mixed));
  EXPECT("untouched", 0, value_of(untouched));
  EXPECT("near the top", 32766, value_of(top));
  claim("waits");
  EXPECT("who waits for three", 1, MUST(semctl(set, gate, GETNCNT)));
  EXPECT("who waits for zero", 1, MUST(semctl(set, zero, GETZCNT)));
  MUST(change(gate, 2, 0));
  EXPECT("still waiting", 0, MUST(waitpid(opens, &status, WNOHANG)));
  MUST(change(gate, 2, 0));
  MUST(waitpid(opens, &status, 0));
  EXPECT("who waited for three", 52 << 8, status);
  EXPECT("what is left", 1, value_of(gate));
  MUST(change(zero, -2, 0));
  MUST(waitpid(empties, &status, 0));
  EXPECT("who waited for zero", 53 << 8, status);
  claim("undone");
  MUST(kill(undoes, SIGKILL));
  MUST(waitpid(undoes, &status, 0));
  EXPECT("what was taken", 300, value_of(up));
  EXPECT("what was given", 299, value_of(down));
  EXPECT("what was both", 0, value_of(mixed));
  EXPECT("near the top", 32767, value_of(top));
  MUST(kill(holds, SIGKILL));
  MUST(waitpid(holds, &status, 0));
  EXPECT("what was taken later", 300, value_of(down));
  claim("turns");
  take_turn();
  if (shared[0] < 3) fail("turns: expected some got %d", (int)shared[0]);
  shared[2] = 1;
  MUST(waitpid(turns, &status, 0));
  EXPECT("who took turns", 51 << 8, status);
  EXPECT("the lock", 1, value_of(lock));
  MUST(semctl(set, 0, IPC_RMID));
  return say_ok();
}

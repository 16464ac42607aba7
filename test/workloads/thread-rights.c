// What threads may do by protection keys (PKRU, pkeys(7)): each something else to the same memory, and one whose stack and thread-local
// storage lie in memory that no other may touch. In motion they change their rights all the time.
// @family CPU and threads
// @probe protection-keys
// @claim no-access cpu.extended
// @claim no-writes cpu.extended
// @claim first-thread cpu.extended
// @claim own-memory cpu.extended
// @claim changing cpu.extended
#include <pthread.h>

#include "keys.h"

enum { thread_count = 4, stack_size = 256 * 1024 };
enum { no_access, no_writes, own_memory, changing };
static int common, private;
static char* memory;
static pthread_barrier_t started;
static volatile bool is_over;

static struct {
  unsigned wanted;
  volatile unsigned found;
  volatile int read, write;
  volatile long changes;
} threads[thread_count];

static void* work(void* argument) {
  const int number = (int)(intptr_t)argument;
  unsigned wanted = threads[number].wanted;
  set_rights(wanted);
  pthread_barrier_wait(&started);
  while (!is_over) {
    if (rights() != wanted) break;
    if (number == changing && in_motion()) {
      // All but key 0, which the stack has; only the bits of keys that nobody uses.
      wanted = (wanted & 0xffffu) | (unsigned)(mix(++threads[number].changes) << 16);
      set_rights(wanted);
    } else {
      usleep(500);
    }
  }
  threads[number].found = rights() ^ wanted;
  // A handler would begin without the right to a stack that has a key.
  if (number == own_memory) return NULL;
  threads[number].read = read_denied_by(memory);
  threads[number].write = write_denied_by(memory);
  return NULL;
}

static void begin(pthread_t* thread, int number, void* stack) {
  pthread_attr_t attributes;
  MUST0(pthread_attr_init(&attributes));
  if (stack != NULL) MUST0(pthread_attr_setstack(&attributes, stack, stack_size));
  MUST0(pthread_create(thread, &attributes, work, (void*)(intptr_t)number));
  MUST0(pthread_attr_destroy(&attributes));
}

/** The first thread has another right each time. */
static unsigned own;
static void change(void) {
  EXPECT("rights of the first thread", own, rights());
  own = with(own, common, (rights() >> 2 * common & 3) == 0 ? PKEY_DISABLE_WRITE : 0);
  set_rights(own);
}

int main(void) {
  listen_for_stop();
  hear_denials();
  common = (int)MUST(pkey_alloc(0, 0));
  private = (int)MUST(pkey_alloc(0, 0));
  memory = map(rw, MAP_PRIVATE);
  label(memory, rw, common);
  char* stack = mmap(NULL, stack_size, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) fail("mmap of a stack: expected an address got %s", strerror(errno));
  MUST0(pkey_mprotect(stack, stack_size, rw, private));
  const unsigned neither = with(with(rights(), common, 0), private, PKEY_DISABLE_ACCESS);
  threads[no_access].wanted = with(neither, common, PKEY_DISABLE_ACCESS);
  threads[no_writes].wanted = with(neither, common, PKEY_DISABLE_WRITE);
  threads[own_memory].wanted = with(~3u, private, 0);
  threads[changing].wanted = neither;
  MUST0(pthread_barrier_init(&started, NULL, thread_count + 1));
  sigset_t signals, before;
  sigfillset(&signals);
  sigdelset(&signals, SIGSEGV);
  MUST0(pthread_sigmask(SIG_BLOCK, &signals, &before));
  pthread_t ids[thread_count];
  for (int i = 0; i < thread_count; i++) begin(&ids[i], i, i == own_memory ? stack : NULL);
  MUST0(pthread_sigmask(SIG_SETMASK, &before, NULL));
  pthread_barrier_wait(&started);
  own = rights();
  change();
  if (in_motion()) motion = change;
  say_ready();
  wait_for_stop();
  claim("first-thread");
  EXPECT("rights of the first thread", own, rights());
  is_over = true;
  for (int i = 0; i < thread_count; i++) MUST0(pthread_join(ids[i], NULL));
  claim("no-access");
  EXPECT("change of rights", 0, threads[no_access].found);
  EXPECT("a read", common, threads[no_access].read);
  EXPECT("a write", common, threads[no_access].write);
  claim("no-writes");
  EXPECT("change of rights", 0, threads[no_writes].found);
  EXPECT("a read", 0, threads[no_writes].read);
  EXPECT("a write", common, threads[no_writes].write);
  claim("own-memory");
  EXPECT("change of rights", 0, threads[own_memory].found);
  claim("changing");
  EXPECT("change of rights", 0, threads[changing].found);
  EXPECT("a write", 0, threads[changing].write);
  if (in_motion() && threads[changing].changes == 0) fail("changes: expected some got none");
  return say_ok();
}

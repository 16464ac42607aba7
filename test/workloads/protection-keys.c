// Protection keys (pkeys(7)): which are allocated, which memory has one, what the thread may do by them, and the key of the
// kernel's own by which it makes memory with PROT_EXEC alone execute-only. Children share the keys of their parent, or have others. In
// motion memory changes its key and its protection, the thread its rights, and a key comes and goes.
// @family Memory
// @probe protection-keys
// @directory
// @claim allocated memory.pkeys
// @claim next memory.pkeys
// @claim mappings memory.pkeys
// @claim without-memory memory.pkeys
// @claim freed memory.pkeys
// @claim content memory.pkeys
// @claim denied memory.pkeys
// @claim shared memory.pkeys
// @claim child memory.pkeys
// @claim child-with-others memory.pkeys
// @claim changing memory.pkeys
// @claim kernels-key memory.execute-only-key
// @claim own-key memory.execute-only-key
// @claim key-0 memory.execute-only-key

#include "keys.h"
static char *plain, *constant, *closed, *both, *orphan, *moving, *locked;
static unsigned char *kernels, *own, *readable;
static int a, b, c, d, unused, gone, extra;
static int moving_key, moving_protection = rw;
static unsigned moving_value, pkru;

/** Another key and another protection for one mapping, other rights for this thread, and a key that comes and goes. */
static void change(void) {
  static unsigned count;
  count++;
  EXPECT("rights of the first thread", pkru, rights());
  const int keys[] = {a, b, d, 0}, protections[] = {rw, PROT_READ, PROT_NONE};
  moving_key = keys[count % 4];
  if (protections[count % 3] == rw) {
    label(moving, rw, moving_key);
    set_rights(pkru & ~(3u << 2 * moving_key));
    memcpy(moving, &count, sizeof count);
    moving_value = count;
  }
  moving_protection = protections[count % 3];
  label(moving, moving_protection, moving_key);
  pkru = with(with(pkru, b, PKEY_DISABLE_WRITE * (count & 1)), extra, count & 2);
  set_rights(pkru);
  if (count % 5 == 0) {
    if (extra != 0) MUST0(pkey_free(extra));
    extra = extra != 0 ? 0 : (int)MUST(pkey_alloc(0, 0));
    pkru = rights();
  }
  EXPECT("a write where there is no right", d, write_denied_by(closed));
}

/** Born before its parent has any key: its keys are others, that of the kernel's choice too. */
static bool live_early(struct talk* talk) {
  const int first = (int)MUST(pkey_alloc(0, 0)), second = (int)MUST(pkey_alloc(0, 0));
  MUST0(pkey_free(first));
  unsigned char* code = map_code(PROT_EXEC);
  char* mine = map(rw, MAP_PRIVATE);
  memset(mine, 'm', size);
  label(mine, PROT_READ, second);
  await(talk);
  EXPECT("keys of the elder child", 1u | 1u << second, allocated());
  EXPECT("its key of execute-only memory", first, key_of(code));
  EXPECT("a read of such memory", first, read_denied_by(code));
  EXPECT("the code in it", 42, answer_of(code));
  EXPECT("its other key", second, key_of(mine));
  EXPECT("memory with that key", 'm', mine[9]);
  EXPECT("key of memory that has one at its parent's", 0, key_of(plain));
  EXPECT("that memory", 0, plain[0]);
  EXPECT("its next key", second + 1, pkey_alloc(0, 0));
  return true;
}

/** Born when everything is there, and has changed a little since. */
static bool live_late(struct talk* talk) {
  MUST0(pkey_free(unused));
  label(moving, PROT_READ, d);
  plain[page] = 'c';
  const unsigned set = allocated(), mine = rights();
  await(talk);
  EXPECT("keys of the younger child", set, allocated());
  EXPECT("its rights", mine, rights());
  EXPECT("a key that it has changed", d, key_of(moving));
  EXPECT("a key that it has from its parent", a, key_of(plain));
  EXPECT("memory that it has written", 'c', plain[page]);
  EXPECT("memory that it has from its parent", 'p', plain[0]);
  EXPECT("its key of execute-only memory", c, key_of(kernels));
  EXPECT("a read of such memory", c, read_denied_by(kernels));
  EXPECT("the code in it", 42, answer_of(kernels));
  EXPECT("its next key", unused, pkey_alloc(0, 0));
  return true;
}

/** Of a file, which a plain user's agent can open too; without a directory it has no name. */
static char* map_shared(const char* directory) {
  if (directory == NULL) return map(rw, MAP_SHARED);
  char path[4200];
  snprintf(path, sizeof path, "%s/shared", directory);
  const int fd = (int)MUST(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  MUST0(ftruncate(fd, size));
  char* at = mmap(NULL, size, rw, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) fail("mmap of a file: expected an address got %s", strerror(errno));
  MUST0(close(fd));
  return at;
}

static void set_up_memory(void) {
  memset(plain, 'p', size);
  constant = map(rw, MAP_PRIVATE);
  closed = map(rw, MAP_PRIVATE);
  orphan = map(rw, MAP_PRIVATE);
  moving = map(rw, MAP_PRIVATE);
  locked = map(rw, MAP_PRIVATE);
  fill_pattern(constant, size, 2);
  fill_pattern(closed, size, 3);
  memset(both, 's', size);
  memset(orphan, 'o', size);
  a = (int)MUST(pkey_alloc(0, 0));
  b = (int)MUST(pkey_alloc(0, 0));
  c = (int)MUST(pkey_alloc(0, 0));
  d = (int)MUST(pkey_alloc(0, PKEY_DISABLE_WRITE));
  unused = (int)MUST(pkey_alloc(0, PKEY_DISABLE_WRITE));
  gone = (int)MUST(pkey_alloc(0, 0));
  label(plain, rw, a);
  label(constant, PROT_READ, b);
  label(closed, rw, d);
  label(closed + page, PROT_NONE, d);
  label(both, rw, a);
  label(orphan, rw, gone);
  label(locked, rw, b);
  MUST0(mlock(locked, size));
  MUST0(pkey_free(gone));
  MUST0(pkey_free(c));
  kernels = map_code(PROT_EXEC);
  EXPECT("the kernel's own key", c, key_of(kernels));
  own = map_code(PROT_READ);
  label(own, PROT_EXEC, b);
  readable = map_code(PROT_READ);
  label(readable, PROT_EXEC, 0);
  pkru = with(rights(), a, 0);
  set_rights(pkru);
  change();
}

static void check_memory(unsigned set) {
  claim("allocated");
  EXPECT("keys of the process", set | (extra != 0 ? 1u << extra : 0), allocated());
  EXPECT("rights of the first thread", pkru, rights());
  claim("mappings");
  char* const keyed[] = {plain, constant, closed, closed + page, both, locked};
  const int keys[] = {a, b, d, d, a, b};
  for (int i = 0; i < 6; i++) EXPECT("key of a mapping", keys[i], key_of(keyed[i]));
  EXPECT("key of memory without one", 0, key_of((char*)&pkru));
  if (!is_locked(locked)) fail("locked memory with a key: expected it locked got it not");
  claim("without-memory");
  EXPECT("rights to a key that no memory has", PKEY_DISABLE_WRITE, pkey_get(unused));
  claim("freed");
  EXPECT("memory whose key was freed", gone, key_of(orphan));
  EXPECT("its content", 'o', ({
           set_rights(with(pkru, gone, 0));
           orphan[17];
         }));
  set_rights(pkru);
  claim("denied");
  EXPECT("a write where there is no right", d, write_denied_by(closed));
  EXPECT("a read where there is a right", 0, read_denied_by(closed));
  set_rights(with(pkru, a, PKEY_DISABLE_ACCESS));
  EXPECT("a read where there is no right", a, read_denied_by(plain));
  set_rights(with(pkru, b, 0));
  claim("content");
  for (int i = 0; i < size; i++) EXPECT("memory with a key", 'p', plain[i]);
  check_pattern("memory that may be read", constant, size, 2);
  label(closed + page, PROT_READ, d);
  check_pattern("memory that may not be read", closed, size, 3);
  claim("changing");
  EXPECT("key of what changed", moving_key, key_of(moving));
  EXPECT("its protection", moving_protection, protection_of(moving));
  label(moving, PROT_READ, 0);
  EXPECT("its content", moving_value, *(unsigned*)(void*)moving);
}

static void check_code(void) {
  claim("kernels-key");
  EXPECT("key of execute-only memory", c, key_of(kernels));
  EXPECT("code that is execute-only", 42, answer_of(kernels));
  EXPECT("a read of it", c, read_denied_by(kernels));
  EXPECT("key of more of it", c, key_of(map_code(PROT_EXEC)));
  claim("own-key");
  EXPECT("key of code", b, key_of(own));
  EXPECT("code with a key", 42, answer_of(own));
  set_rights(with(pkru, b, 0));
  EXPECT("a byte of it", 42, own[1]);
  set_rights(with(pkru, b, PKEY_DISABLE_ACCESS));
  EXPECT("a read of it", b, read_denied_by(own));
  EXPECT("code that this thread may not read", 42, answer_of(own));
  set_rights(pkru);
  claim("key-0");
  EXPECT("key of code without one", 0, key_of(readable));
  EXPECT("a byte of it", 42, readable[1]);
}

int main(int argc, char** argv) {
  listen_for_stop();
  hear_denials();
  plain = map(rw, MAP_PRIVATE);
  both = map_shared(argc > 1 ? argv[1] : NULL);
  struct talk early, late;
  bear(&early, live_early);
  set_up_memory();
  const unsigned set = allocated();
  bear(&late, live_late);
  if (in_motion()) motion = change;
  say_ready();
  wait_for_stop();
  check_memory(set);
  check_code();
  claim("shared");
  both[5] = 't';
  EXPECT("key of shared memory", a, key_of(both));
  claim("child-with-others");
  EXPECT("child with other keys", 1, is_content(&early));
  claim("child");
  EXPECT("child with the same keys", 1, is_content(&late));
  claim("next");
  for (unsigned taken = set | 1u << c | (extra != 0 ? 1u << extra : 0); taken != 0xffff;) {
    const int lowest = __builtin_ctz(~taken);
    EXPECT("the next key", lowest, pkey_alloc(0, 0));
    taken |= 1u << lowest;
  }
  EXPECT("a key when there are no more", -1, pkey_alloc(0, 0));
  return say_ok();
}

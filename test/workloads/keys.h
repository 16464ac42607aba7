// What workloads need for protection keys: memory that has one, what a thread may do by it, and what happens when it does otherwise.
#ifndef KEYS_H
#define KEYS_H
#include <setjmp.h>
#include <sys/mman.h>

#include "workload.h"

enum { page = 4096, size = 2 * page, rw = PROT_READ | PROT_WRITE };

__attribute__((unused)) static char* map(int protection, int sharing) {
  char* at = mmap(NULL, size, protection, sharing | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  return at;
}

// A function that gives 42.
__attribute__((unused)) static unsigned char* map_code(int protection) {
  static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret
  unsigned char* at = (unsigned char*)map(rw, MAP_PRIVATE);
  memcpy(at, code, sizeof code);
  MUST0(mprotect(at, size, protection));
  return at;
}

static inline int answer_of(unsigned char* code) { return ((int (*)(void))(void*)code)(); }

__attribute__((unused)) static void label(void* at, int protection, int key) {
  MUST0(pkey_mprotect(at, page, protection, key));
}

// PKRU: two bits for each key.
static inline unsigned rights(void) {
  unsigned low, high;
  __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(low), "=d"(high) : "c"(0));  // rdpkru
  return low;
}

static inline void set_rights(unsigned value) {
  __asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");  // wrpkru
}

static inline unsigned with(unsigned value, int key, unsigned denied) {
  return key == 0 ? value : (value & ~(3u << 2 * key)) | denied << 2 * key;
}

// A bit for each allocated key: pkey_mprotect looks at the key first, and finds nothing mapped then.
__attribute__((unused)) static unsigned allocated(void) {
  unsigned found = 0;
  for (int key = 0; key < 16; key++)
    if (pkey_mprotect((void*)((1ul << 56) - page), page, PROT_READ, key) == -1 && errno == ENOMEM)
      found |= 1u << key;
  return found;
}

// A field of the mapping that an address is in.
static bool read_smaps(const void* at, const char* field, char* out, size_t bytes) {
  FILE* smaps = fopen("/proc/self/smaps", "re");
  char line[4400];
  bool is_inside = false, is_found = false;
  unsigned long start, end;
  char protection[8];
  while (smaps != NULL && fgets(line, sizeof line, smaps) != NULL) {
    if (sscanf(line, "%lx-%lx %7s", &start, &end, protection) == 3) {
      is_inside = start <= (unsigned long)at && (unsigned long)at < end;
      if (is_inside && field == NULL) is_found = snprintf(out, bytes, "%s", protection) > 0;
    } else if (is_inside && field != NULL && strncmp(line, field, strlen(field)) == 0) {
      is_found = snprintf(out, bytes, "%s", line + strlen(field)) > 0;
    }
  }
  if (smaps != NULL) fclose(smaps);
  return is_found;
}

__attribute__((unused)) static int key_of(const void* at) {
  char text[64];
  return read_smaps(at, "ProtectionKey:", text, sizeof text) ? atoi(text) : -1;
}

__attribute__((unused)) static int protection_of(const void* at) {
  char text[64];
  if (!read_smaps(at, NULL, text, sizeof text)) return -1;
  return (text[0] == 'r') * PROT_READ | (text[1] == 'w') * PROT_WRITE | (text[2] == 'x') * PROT_EXEC;
}

__attribute__((unused)) static bool is_locked(const void* at) {
  char text[400];
  return read_smaps(at, "VmFlags:", text, sizeof text) && strstr(text, " lo") != NULL;
}

static __thread sigjmp_buf denial;
static __thread volatile int denied_code, denied_key;
static void on_denial(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)context;
  denied_code = info->si_code;
  denied_key = info->si_code == SEGV_PKUERR ? (int)info->si_pkey : -1;
  siglongjmp(denial, 1);
}

__attribute__((unused)) static void hear_denials(void) {
  struct sigaction action = {.sa_sigaction = on_denial, .sa_flags = SA_SIGINFO};
  MUST(sigaction(SIGSEGV, &action, NULL));
}

// The key that forbids it; 0: none does; -1: something else does. A handler begins with the rights of a new process.
static int denied_by(volatile char* at, bool is_write) {
  const unsigned before = rights();
  denied_key = 0;
  if (sigsetjmp(denial, 1) == 0) {
    const char byte = *at;
    if (is_write) *at = byte;
  }
  set_rights(before);
  return denied_key;
}
__attribute__((unused)) static int read_denied_by(void* at) { return denied_by(at, false); }
__attribute__((unused)) static int write_denied_by(void* at) { return denied_by(at, true); }

// A child that sets itself up, is asked whether all is as it was, and answers.
struct talk {
  int ask[2], answer[2];
  pid_t child;
};

// By the child, when it is ready: waits until it is asked.
__attribute__((unused)) static void await(struct talk* talk) {
  char byte = 1;
  MUST(write(talk->answer[1], &byte, 1));
  MUST(read(talk->ask[0], &byte, 1));
}

__attribute__((unused)) static void bear(struct talk* talk, bool (*body)(struct talk*)) {
  char byte = 0;
  MUST0(pipe(talk->ask));
  MUST0(pipe(talk->answer));
  talk->child = (pid_t)MUST(fork());
  if (talk->child == 0) {
    byte = (char)body(talk);
    MUST(write(talk->answer[1], &byte, 1));
    _exit(0);
  }
  MUST(read(talk->answer[0], &byte, 1));
}

__attribute__((unused)) static bool is_content(struct talk* talk) {
  char byte = 0;
  MUST(write(talk->ask[1], "?", 1));
  MUST(read(talk->answer[0], &byte, 1));
  MUST(waitpid(talk->child, NULL, 0));
  return byte == 1;
}
#endif

// Code that may be executed and neither read nor written (PROT_EXEC alone), in anonymous memory and in a file.
// @family Memory
// @directory
// @claim anonymous memory.execute-only
// @claim written-later memory.execute-only
// @claim file memory.execute-only
// @claim rights memory.execute-only
#include "workload.h"

enum { page = 4096 };
static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};  // mov eax, 42; ret
typedef int (*function)(void);
static unsigned char* changing;
static unsigned char answer = 1;

// Made writable, written, and execute-only again.
static void change(void) {
  answer = (unsigned char)(answer % 100 + 1);
  MUST(mprotect(changing, page, PROT_READ | PROT_WRITE));
  memcpy(changing, code, sizeof code);
  changing[1] = answer;
  MUST(mprotect(changing, page, PROT_EXEC));
}

static bool is_execute_only(const void* address) {
  FILE* maps = fopen("/proc/self/maps", "re");
  char line[8192], rights[8] = "";
  bool found = false;
  unsigned long start, end;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    if (sscanf(line, "%lx-%lx %7s", &start, &end, rights) == 3 && (unsigned long)address >= start &&
        (unsigned long)address < end)
      found = strcmp(rights, "--xp") == 0;
  if (maps != NULL) fclose(maps);
  return found;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  listen_for_stop();
  char path[4200];
  unsigned char* fixed = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  changing = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(fixed, code, sizeof code);
  MUST(mprotect(fixed, page, PROT_EXEC));
  change();
  snprintf(path, sizeof path, "%s/code", argv[1]);
  int fd = (int)MUST(open(path, O_RDWR | O_CREAT | O_EXCL, 0700));
  MUST(write(fd, code, sizeof code));
  MUST(ftruncate(fd, page));
  void* file = mmap(NULL, page, PROT_EXEC, MAP_PRIVATE, fd, 0);
  if (file == MAP_FAILED) fail("mmap: expected an address got %s", strerror(errno));
  close(fd);
  motion = change;
  say_ready();
  wait_for_stop();
  PROVE("anonymous", 42, ((function)(void*)fixed)());
  PROVE("written-later", answer, ((function)(void*)changing)());
  PROVE("file", 42, ((function)file)());
  PROVE("rights", 3, is_execute_only(fixed) + is_execute_only(changing) + is_execute_only(file));
  return say_ok();
}

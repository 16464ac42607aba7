// What a userfaultfd in MISSING mode tells of two advices about shared anonymous memory: MADV_DONTNEED lets go of the mapping's pages and leaves
// the object as it is, MADV_REMOVE takes the content away. Prints for each: "EVENT START LENGTH BYTE", the byte that is read behind it.
// Exit code 77: this kernel or user has no such userfaultfd.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kPage = 4096, kPages = 4, kMark = 7 };

static int uffd;
static int told[2];
static unsigned char* memory;

static void* Answer(void* unused) {
  (void)unused;
  for (;;) {
    struct uffd_msg message;
    if (read(uffd, &message, sizeof message) != sizeof message) return NULL;
    if (message.event == UFFD_EVENT_PAGEFAULT) {
      const struct uffdio_zeropage zero = {
          .range = {.start = message.arg.pagefault.address & ~(uint64_t)(kPage - 1), .len = kPage}};
      if (ioctl(uffd, UFFDIO_ZEROPAGE, &zero) != 0) exit(1);
    } else if (write(told[1], &message, sizeof message) != sizeof message) {
      exit(1);
    }
  }
}

static void Advise(int advice) {
  if (madvise(memory + kPage, kPage, advice) != 0) exit(1);
  const unsigned char byte = *(volatile unsigned char*)(memory + kPage);
  struct uffd_msg message;
  if (read(told[0], &message, sizeof message) != sizeof message) exit(1);
  printf("%d %lld %lld %d\n", message.event, (long long)(message.arg.remove.start - (uintptr_t)memory),
         (long long)(message.arg.remove.end - message.arg.remove.start), byte);
}

int main(void) {
  uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (uffd < 0) return 77;
  struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_REMOVE};
  if (ioctl(uffd, UFFDIO_API, &api) != 0) return 77;
  memory = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  memset(memory, kMark, kPages * kPage);
  struct uffdio_register all = {.range = {.start = (uintptr_t)memory, .len = kPages * kPage},
                                .mode = UFFDIO_REGISTER_MODE_MISSING};
  if (ioctl(uffd, UFFDIO_REGISTER, &all) != 0) return 1;
  pthread_t thread;
  if (pipe(told) != 0) return 1;
  if (pthread_create(&thread, NULL, Answer, NULL) != 0) return 1;
  Advise(MADV_DONTNEED);
  Advise(MADV_REMOVE);
  return 0;
}

// Bars itself from memory with protection key 0, reads or writes, and spins: no instruction here touches memory then.
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const unsigned denied = (unsigned)atoi(argv[1]);
  unsigned low, high;
  __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(low), "=d"(high) : "c"(0));  // rdpkru
  if (write(1, "barred\n", 7) != 7) return 1;
  __asm__ volatile(
      ".byte 0x0f, 0x01, 0xef\n"  // wrpkru
      "1: pause\n"
      "jmp 1b" ::"a"(low | denied),
      "c"(0), "d"(0));
}

// The variant in motion (WORKLOAD_MOTION=1): until it is told to stop, a workload works instead of sleeping: it writes pages
// and makes system calls that the kernel has to finish or repeat, and does what it sets as `motion` besides.
#ifndef MOTION_H
#define MOTION_H
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

static void (*motion)(void);

__attribute__((unused)) static bool in_motion(void) {
  static int known;
  if (known == 0) known = getenv("WORKLOAD_MOTION") != NULL ? 1 : 2;
  return known == 1;
}

__attribute__((unused)) static void move_once(void) {
  static uint64_t pages[64 * 512], count;
  struct utsname name;
  for (int i = 0; i < 64; i++) pages[i * 512 + count % 512] += count;
  count++;
  if (uname(&name) == -1 || name.sysname[0] == 0) _exit(1);
  if (motion != NULL) motion();
  usleep(500);
}
#endif

// counter [heartbeat file] [microseconds] [MiB]: one thread that counts under a checksum in memory; each beat rewrites a page of
// the ballast and appends one line "count realtime_us node checksum". A reader outside sees pauses, a second running copy (the
// same count twice) and a lost one.
// @family Time
// @always-moving
// @claim count cpu.general
#include <sys/utsname.h>

#include "workload.h"

enum { slots = 8192 };
static uint64_t memory[slots];

int main(int argc, char** argv) {
  listen_for_stop();
  int beats = argc > 1 ? (int)MUST(open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644)) : 1;
  long pause_us = argc > 2 ? atol(argv[2]) : 1000;
  size_t pages = (argc > 3 ? (size_t)atol(argv[3]) : 0) * 256;
  char* ballast = pages > 0 ? malloc(pages * 4096) : NULL;
  uint64_t* written = calloc(pages + 1, sizeof *written);  // the count under which each page was filled
  for (size_t i = 0; i < pages; i++) fill_pattern(ballast + i * 4096, 4096, 0);
  uint64_t count = 0, sum = 0;
  say_ready();
  while (!stop_wanted) {
    count++;
    uint64_t* slot = &memory[count % slots];
    sum -= *slot;
    *slot = mix(count);
    sum += *slot;
    if (pages > 0) {
      size_t page = mix(count) % pages;
      written[page] = count;
      fill_pattern(ballast + page * 4096, 4096, count << 20);
    }
    struct utsname name;  // the host that it runs on now
    uname(&name);
    char line[160];
    int length = snprintf(line, sizeof line, "%llu %lld %s %llx\n", (unsigned long long)count,
                          (long long)now_us(CLOCK_REALTIME), name.nodename, (unsigned long long)sum);
    EXPECT("bytes written", length, MUST(write(beats, line, (size_t)length)));
    struct timespec pause = {.tv_sec = pause_us / 1000000, .tv_nsec = pause_us % 1000000 * 1000};
    if (pause_us > 0) nanosleep(&pause, NULL);
  }
  claim("count");
  uint64_t again = 0;
  for (uint64_t i = 0; i < slots; i++) {
    uint64_t last = count >= i ? count - (count - i) % slots : 0;  // the last count that fell on slot i
    EXPECT("slot", last == 0 ? 0 : mix(last), memory[i]);
    again += memory[i];
  }
  for (size_t i = 0; i < pages; i++) check_pattern("ballast", ballast + i * 4096, 4096, written[i] << 20);
  EXPECT("checksum", again, sum);
  return say_ok();
}

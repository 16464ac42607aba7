// Every resource limit, soft and hard, each with numbers of its own; and what a child inherits of them afterwards.
// @family Rights and limits
// @claim cpu rights.rlimits
// @claim fsize rights.rlimits
// @claim data rights.rlimits
// @claim stack rights.rlimits
// @claim core rights.rlimits
// @claim rss rights.rlimits
// @claim nproc rights.rlimits
// @claim nofile rights.rlimits
// @claim memlock rights.rlimits
// @claim as rights.rlimits
// @claim locks rights.rlimits
// @claim sigpending rights.rlimits
// @claim msgqueue rights.rlimits
// @claim nice rights.rlimits
// @claim rtprio rights.rlimits
// @claim rttime rights.rlimits
// @claim inherited rights.rlimits
// @claim enforced rights.rlimits
#include <sys/resource.h>

#include "workload.h"

static const char* const names[] = {"cpu",      "fsize",  "data",    "stack", "core",  "rss",
                                    "nproc",    "nofile", "memlock", "as",    "locks", "sigpending",
                                    "msgqueue", "nice",   "rtprio",  "rttime"};
enum { kinds = sizeof names / sizeof *names };

// A soft limit below the hard one, far above what the workload needs, and nowhere above what it has.
static struct rlimit lower(int kind) {
  struct rlimit has;
  MUST(getrlimit((__rlimit_resource_t)kind, &has));
  rlim_t soft = kind == RLIMIT_NOFILE ? 200 : kind == RLIMIT_NICE || kind == RLIMIT_RTPRIO ? 0 : 1ull << 33;
  if (kind == RLIMIT_AS || kind == RLIMIT_DATA) soft = 1ull << 40;
  if (soft > has.rlim_max) soft = has.rlim_max;
  if (soft != RLIM_INFINITY && soft > 100) soft -= (rlim_t)kind;
  rlim_t hard = soft + 50 < has.rlim_max ? soft + 50 : has.rlim_max;
  return (struct rlimit){.rlim_cur = soft, .rlim_max = hard};
}

int main(void) {
  struct rlimit set[kinds], got;
  listen_for_stop();
  for (int i = 0; i < kinds; i++) {
    set[i] = lower(i);
    MUST(setrlimit((__rlimit_resource_t)i, &set[i]));
  }
  say_ready();
  wait_for_stop();
  for (int i = 0; i < kinds; i++) {
    MUST(getrlimit((__rlimit_resource_t)i, &got));
    prove_bytes(names[i], &set[i], &got, sizeof got);
  }
  pid_t child = (pid_t)MUST(fork());
  if (child == 0) {
    for (int i = 0; i < kinds; i++) {
      MUST(getrlimit((__rlimit_resource_t)i, &got));
      if (memcmp(&set[i], &got, sizeof got) != 0) _exit(i + 1);
    }
    _exit(0);
  }
  int status;
  MUST(waitpid(child, &status, 0));
  PROVE("inherited", 0, status);
  int opened = 0;
  while (opened < 300 && dup(1) >= 0) opened++;
  PROVE("enforced", EMFILE, opened < 300 ? errno : 0);
  return say_ok();
}

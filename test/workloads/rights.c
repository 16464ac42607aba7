// Rights and process controls of one process: the five capability sets, securebits, IDs, groups, dumpable, OOM score, core dump filter,
// personality, and the prctls that a program may have set. Needs root to become what it wants to be.
// @family Rights and limits
// @root
// @claim uids rights.ids
// @claim gids rights.ids
// @claim fs-ids rights.ids
// @claim groups rights.groups
// @claim effective rights.capabilities
// @claim permitted rights.capabilities
// @claim inheritable rights.capabilities
// @claim bounding rights.capabilities
// @claim ambient rights.capabilities
// @claim securebits rights.securebits
// @claim no-new-privs rights.no-new-privs
// @claim dumpable rights.dumpable
// @claim personality rights.personality
// @claim oom-score rights.oom
// @claim coredump-filter rights.coredump
// @claim thp-disabled rights.prctl
// @claim tsc rights.prctl
// @claim io-flusher rights.prctl
// @claim subreaper tree.orphans
// @claim comm memory.proc
// @claim auxv memory.proc
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>

#include "workload.h"

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
enum { numbers = 9 };
struct seen {
  char uids[64], gids[64], groups[256], caps[5][64], comm[16];
  long number[numbers];
  char auxv[2048];
  ssize_t auxv_size;
};
static const char* const number_claims[numbers] = {"securebits",   "no-new-privs", "dumpable",
                                                   "personality",  "oom-score",    "coredump-filter",
                                                   "thp-disabled", "tsc",          "io-flusher"};
static const char* const cap_claims[5] = {"inheritable", "permitted", "effective", "bounding", "ambient"};
static const char* const cap_words[5] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};

static void field(const char* line, const char* word, char* text, size_t size) {
  if (strncmp(line, word, strlen(word)) == 0) snprintf(text, size, "%s", line + strlen(word));
  text[strcspn(text, "\n")] = 0;
}
static long number_in(const char* path, const char* format) {
  FILE* file = fopen(path, "re");
  long value = -1;
  if (file == NULL || fscanf(file, format, &value) != 1) fail("%s: expected a number got none", path);
  fclose(file);
  return value;
}

static void look(struct seen* s) {
  char line[512];
  memset(s, 0, sizeof *s);
  FILE* file = fopen("/proc/self/status", "re");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    field(line, "Uid:", s->uids, sizeof s->uids);
    field(line, "Gid:", s->gids, sizeof s->gids);
    field(line, "Groups:", s->groups, sizeof s->groups);
    for (int i = 0; i < 5; i++) field(line, cap_words[i], s->caps[i], sizeof s->caps[i]);
  }
  if (file != NULL) fclose(file);
  int tsc = 0;
  prctl(PR_GET_TSC, &tsc);
  long values[numbers] = {prctl(PR_GET_SECUREBITS),
                          prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
                          prctl(PR_GET_DUMPABLE),
                          personality(0xffffffff),
                          number_in("/proc/self/oom_score_adj", "%ld"),
                          number_in("/proc/self/coredump_filter", "%lx"),
                          prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
                          tsc,
                          prctl(PR_GET_IO_FLUSHER, 0, 0, 0, 0)};
  memcpy(s->number, values, sizeof values);
  MUST(prctl(PR_GET_NAME, s->comm));
  s->auxv_size = prctl(PR_GET_AUXV, s->auxv, sizeof s->auxv, 0, 0);  // Linux 6.4
  if (s->auxv_size < 0) s->auxv_size = 0;
}

// What the kernel or its configuration may not offer is left as it is.
static void set_controls(void) {
  prctl(PR_SET_TSC, PR_TSC_ENABLE);
  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  MUST(prctl(PR_SET_CHILD_SUBREAPER, 1));
  MUST(prctl(PR_SET_NAME, "a ) name ("));
  personality(ADDR_NO_RANDOMIZE | UNAME26);
  FILE* file = fopen("/proc/self/oom_score_adj", "we");
  if (file != NULL) fprintf(file, "%d", 321), fclose(file);
  file = fopen("/proc/self/coredump_filter", "we");
  if (file != NULL) fprintf(file, "0x7"), fclose(file);
}

int main(void) {
  static struct seen before, after;
  listen_for_stop();
  set_controls();
  gid_t groups[] = {7, 70, 700, 70000, 700000};
  MUST(setgroups(5, groups));
  MUST(prctl(PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0));
  MUST(prctl(PR_CAPBSET_DROP, CAP_MKNOD, 0, 0, 0));
  MUST(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT));
  MUST(setresgid(3001, 3002, 3003));
  MUST(setresuid(4001, 4002, 4003));
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct caps[2] = {
      {.permitted = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_KILL | 1 << CAP_CHOWN,
       .effective = 1 << CAP_KILL,
       .inheritable = 1 << CAP_NET_BIND_SERVICE | 1 << CAP_CHOWN}};
  MUST(syscall(SYS_capset, &header, caps));
  MUST(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0));
  MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  setfsuid(4003);
  setfsgid(3003);
  MUST(prctl(PR_SET_DUMPABLE, 1));  // else its own /proc files belong to root
  look(&before);
  say_ready();
  wait_for_stop();
  look(&after);
  int reaper = 0;
  prove_text("uids", before.uids, after.uids);
  prove_text("gids", before.gids, after.gids);
  PROVE("fs-ids", 4003, setfsuid((uid_t)-1));
  prove_text("groups", before.groups, after.groups);
  for (int i = 0; i < 5; i++) prove_text(cap_claims[i], before.caps[i], after.caps[i]);
  for (int i = 0; i < numbers; i++) PROVE(number_claims[i], before.number[i], after.number[i]);
  MUST(prctl(PR_GET_CHILD_SUBREAPER, &reaper));
  PROVE("subreaper", 1, reaper);
  prove_text("comm", before.comm, after.comm);
  prove_bytes("auxv", before.auxv, after.auxv, (size_t)before.auxv_size);
  return say_ok();
}

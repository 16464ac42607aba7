// Actors that change what descriptors lead to, and compare all of it with their own account after each step.
#ifndef CHAOS_FILES_H
#define CHAOS_FILES_H
#include <sys/stat.h>

#include "chaos.h"

enum { file_count = 8, slot_count = 24, file_bytes = 6000, name_bytes = 512 };

// ---- descriptors: opened, closed, duplicated, put over one another
static struct {
  int fd, file, open;  // which file, and which of the opens (its index in opens)
  bool cloexec;
} slots[slot_count];
static struct {
  off_t offset;
} opens[slot_count];

static unsigned char byte_of(int file, off_t at) {
  return (unsigned char)mix((uint64_t)file * 7919 + (uint64_t)at);
}
static void name_of(char* name, const char* kind, int number) {
  snprintf(name, name_bytes, "%s/%s-%d", chaos_dir, kind, number);
}
static void make_files(void) {
  for (int file = 0; file < file_count; file++) {
    char name[name_bytes];
    unsigned char content[file_bytes];
    for (int i = 0; i < file_bytes; i++) content[i] = byte_of(file, i);
    name_of(name, "kept", file);
    int fd = (int)MUST(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    MUST(write(fd, content, sizeof content));
    MUST(close(fd));
  }
  for (int i = 0; i < slot_count; i++) slots[i].fd = -1;
}
static int free_open(void) {
  for (int candidate = 0; candidate < slot_count; candidate++) {
    bool taken = false;
    for (int i = 0; i < slot_count; i++) taken |= slots[i].fd >= 0 && slots[i].open == candidate;
    if (!taken) return candidate;
  }
  fail("a free open: expected one got none");
}
static void check_slot(int i) {
  char what[64];
  unsigned char byte;
  snprintf(what, sizeof what, "descriptor %d of slot %d", slots[i].fd, i);
  off_t at = opens[slots[i].open].offset;
  EXPECT(what, at, MUST(lseek(slots[i].fd, 0, SEEK_CUR)));
  EXPECT(what, slots[i].cloexec ? FD_CLOEXEC : 0, MUST(fcntl(slots[i].fd, F_GETFD)));
  EXPECT(what, 1, MUST(pread(slots[i].fd, &byte, 1, at)));
  EXPECT(what, byte_of(slots[i].file, at), byte);
}
static void shuffle_descriptors(uint64_t* random) {
  int i = below(random, slot_count), from = below(random, slot_count);
  bool cloexec = below(random, 2) == 1;
  if (slots[i].fd < 0) {
    char name[name_bytes];
    slots[i].file = below(random, file_count);
    slots[i].open = free_open();
    slots[i].cloexec = cloexec;
    name_of(name, "kept", slots[i].file);
    slots[i].fd = (int)MUST(open(name, O_RDONLY | (cloexec ? O_CLOEXEC : 0)));
    opens[slots[i].open].offset = 0;
  } else if (below(random, 3) == 0) {
    MUST(close(slots[i].fd));
    slots[i].fd = -1;
  } else if (from != i && slots[from].fd >= 0) {
    MUST(dup3(slots[from].fd, slots[i].fd, cloexec ? O_CLOEXEC : 0));
    slots[i].file = slots[from].file, slots[i].open = slots[from].open, slots[i].cloexec = cloexec;
  } else {
    opens[slots[i].open].offset = below(random, file_bytes);
    MUST(lseek(slots[i].fd, opens[slots[i].open].offset, SEEK_SET));
  }
  for (int slot = 0; slot < slot_count; slot++)
    if (slots[slot].fd >= 0) check_slot(slot);
}

// ---- files: made, linked, renamed while open, deleted while open
static void expect_file(const char* what, int fd, int links, uint64_t content) {
  struct stat now;
  uint64_t got;
  MUST(fstat(fd, &now));
  EXPECT(what, links, now.st_nlink);
  EXPECT(what, sizeof got, MUST(pread(fd, &got, sizeof got, 0)));
  EXPECT(what, content, got);
}
static void rename_and_delete(uint64_t* random) {
  static int serial;
  char first[name_bytes], second[name_bytes], third[name_bytes];
  uint64_t content = next_random(random), more = mix(content);
  name_of(first, "first", serial), name_of(second, "second", serial), name_of(third, "third", serial);
  serial++;
  int fd = (int)MUST(open(first, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  MUST(write(fd, &content, sizeof content));
  expect_file("a new file", fd, 1, content);
  MUST(rename(first, second));
  usleep((useconds_t)below(random, 3000));
  expect_file("a renamed file", fd, 1, content);
  MUST(link(second, third));
  MUST(unlink(second));
  usleep((useconds_t)below(random, 3000));
  expect_file("a file with another link", fd, 1, content);
  MUST(unlink(third));
  expect_file("a deleted file", fd, 0, content);
  usleep((useconds_t)below(random, 3000));
  MUST(pwrite(fd, &more, sizeof more, 0));
  expect_file("a deleted file that is written", fd, 0, more);
  EXPECT("its offset", sizeof content, MUST(lseek(fd, 0, SEEK_CUR)));
  MUST(close(fd));
}
#endif

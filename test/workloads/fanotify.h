// What the workloads of fanotify share: events one at a time, and what fdinfo shows of a group.
#ifndef FANOTIFY_H
#define FANOTIFY_H
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

#include "workload.h"

typedef struct {
  char bytes[4096] __attribute__((aligned(8)));
  ssize_t length;
} Events;

__attribute__((unused)) static bool has_events(int group) {
  struct pollfd ready = {group, POLLIN, 0};
  return poll(&ready, 1, 0) == 1;
}

// Reads what waits now, or comes within two seconds.
__attribute__((unused)) static void read_events(int group, Events* events) {
  struct pollfd ready = {group, POLLIN, 0};
  int found;
  do found = poll(&ready, 1, 2000);
  while (found == -1 && errno == EINTR);
  EXPECT("events that come", 1, found);
  events->length = MUST(read(group, events->bytes, sizeof events->bytes));
}

// The next event that `pid` has caused, or whoever (-1); others are forgotten, descriptors that come along closed. False: none any more.
__attribute__((unused)) static bool next_event(const Events* events, size_t* at, int pid,
                                               const struct fanotify_event_metadata** event) {
  while (*at + sizeof **event <= (size_t)events->length) {
    *event = (const void*)(events->bytes + *at);
    *at += (*event)->event_len;
    if (pid == -1 || (*event)->pid == pid) return true;
    if ((*event)->fd >= 0) close((*event)->fd);
  }
  return false;
}

__attribute__((unused)) static void drain(int group) {
  while (has_events(group)) {
    Events events;
    const struct fanotify_event_metadata* event;
    size_t at = 0;
    read_events(group, &events);
    while (next_event(&events, &at, -1, &event))
      if (event->fd >= 0) close(event->fd);
  }
}

// One event of one's own, and what it says. Returns the descriptor that comes with it.
__attribute__((unused)) static int expect_event(const char* what, int group, uint64_t mask, int pid) {
  Events events;
  const struct fanotify_event_metadata* event;
  size_t at;
  do {
    at = 0;
    read_events(group, &events);
  } while (!next_event(&events, &at, pid, &event));
  EXPECT(what, mask, event->mask);
  int fd = event->fd;
  if (next_event(&events, &at, pid, &event))
    fail("%s: expected one event got another, %llx", what, event->mask);
  return fd;
}

// The same of a group that reports names: an information record says in which directory, and under which name.
__attribute__((unused)) static void expect_named(const char* what, int group, uint64_t mask, int type,
                                                 const char* name) {
  Events events;
  const struct fanotify_event_metadata* event;
  size_t at = 0;
  read_events(group, &events);
  if (!next_event(&events, &at, -1, &event)) fail("%s: expected an event got none", what);
  EXPECT(what, mask, event->mask);
  EXPECT("a descriptor", FAN_NOFD, event->fd);
  for (size_t i = sizeof *event; i < event->event_len;) {
    const struct fanotify_event_info_fid* record = (const void*)((const char*)event + i);
    const struct file_handle* handle = (const void*)record->handle;
    if (record->hdr.info_type == type) {
      EXPECT_TEXT("its name", name, (const char*)handle->f_handle + handle->handle_bytes);
      return;
    }
    i += record->hdr.len;
  }
  fail("%s: expected a record of type %d got none", what, type);
}

// What fdinfo says of the group and its marks. IDs of mounts are the host's own.
__attribute__((unused)) static void show_group(int group, char* text, size_t bytes) {
  char path[64], line[400];
  size_t used = 0;
  text[0] = 0;
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", group);
  FILE* file = fopen(path, "re");
  if (file == NULL) fail("fopen: expected success got %s", strerror(errno));
  while (fgets(line, sizeof line, file) != NULL && used + sizeof line < bytes) {
    const char* shown = strncmp(line, "fanotify mnt_id:", 16) == 0 ? strstr(line, "mflags") : line;
    if (strncmp(line, "fanotify ", 9) == 0) used += (size_t)snprintf(text + used, bytes - used, "%s", shown);
  }
  fclose(file);
}

__attribute__((unused)) static void touch(const char* path) {
  int fd = (int)MUST(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  MUST(write(fd, "x", 1));
  close(fd);
}
#endif

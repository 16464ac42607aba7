/* The baseline of bench/transport.bench.ts: what C does with the same work, and the processes whose memory moves.
 *   copy memory MIB                  maps and fills memory, prints "PID ADDRESS", waits for its end
 *   copy receive PID ADDRESS MIB     prints its port, takes one connection, writes what arrives into that process
 *   copy send PORT PID ADDRESS MIB   reads that process's memory and sends it
 * Both ends print "WALL_SECONDS CPU_SECONDS". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { block = 1 << 20 };
static char buffer[block];

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void report(double began) { printf("%.6f %.6f\n", now() - began, cpu()); }

static int memory(size_t length) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  uint64_t* words = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (words == MAP_FAILED) fail("mmap");
  madvise(words, length, MADV_NOHUGEPAGE);
  uint64_t x = 88172645463325252u;
  for (size_t i = 0; i < length / 8; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    words[i] = x;
  }
  printf("%d %llu\n", (int)getpid(), (unsigned long long)(uintptr_t)words);
  fflush(stdout);
  while (read(0, buffer, 1) > 0) {
  }
  return 0;
}

static int receive_into(pid_t pid, char* address, size_t length) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof local;
  if (bind(listener, (struct sockaddr*)&local, size) || listen(listener, 1)) fail("listen");
  getsockname(listener, (struct sockaddr*)&local, &size);
  printf("%d\n", ntohs(local.sin_port));
  fflush(stdout);
  int peer = accept(listener, NULL, NULL);
  if (peer < 0) fail("accept");
  double began = now();
  for (size_t done = 0; done < length;) {
    size_t filled = 0;
    while (filled < block) {
      ssize_t n = recv(peer, buffer + filled, block - filled, 0);
      if (n <= 0) fail("recv");
      filled += (size_t)n;
    }
    struct iovec from = {buffer, block}, to = {address + done, block};
    if (process_vm_writev(pid, &from, 1, &to, 1, 0) != block) fail("process_vm_writev");
    done += block;
  }
  if (send(peer, "k", 1, 0) != 1) fail("send");
  report(began);
  return 0;
}

static int send_from(int port, pid_t pid, char* address, size_t length) {
  int peer = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in remote = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(peer, (struct sockaddr*)&remote, sizeof remote)) fail("connect");
  double began = now();
  for (size_t done = 0; done < length; done += block) {
    struct iovec to = {buffer, block}, from = {address + done, block};
    if (process_vm_readv(pid, &to, 1, &from, 1, 0) != block) fail("process_vm_readv");
    for (size_t sent = 0; sent < block;) {
      ssize_t n = send(peer, buffer + sent, block - sent, 0);
      if (n <= 0) fail("send");
      sent += (size_t)n;
    }
  }
  if (recv(peer, buffer, 1, 0) != 1) fail("recv");
  report(began);
  return 0;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  size_t mib = (size_t)atol(argv[argc - 1]) << 20;
  char* last = argc > 3 ? (char*)strtoull(argv[argc - 2], NULL, 10) : NULL;
  if (!strcmp(mode, "memory") && argc == 3) return memory(mib);
  if (!strcmp(mode, "receive") && argc == 5) return receive_into(atoi(argv[2]), last, mib);
  if (!strcmp(mode, "send") && argc == 6) return send_from(atoi(argv[2]), atoi(argv[3]), last, mib);
  fprintf(stderr, "usage: see the head of copy.c\n");
  return 2;
}

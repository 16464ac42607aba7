// What the actors of chaos.c share: each has random numbers of its own, from the seed of the run, and works until it is told to stop.
#ifndef CHAOS_H
#define CHAOS_H
#include "workload.h"

typedef struct {
  const char* name;
  void (*step)(uint64_t* random);
  unsigned rest_us;  // at most so long between two steps
} Actor;

static const char* chaos_dir;

static inline uint64_t next_random(uint64_t* random) { return *random = mix(*random); }
static inline int below(uint64_t* random, int limit) { return (int)(next_random(random) % (uint64_t)limit); }
#endif

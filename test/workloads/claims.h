// Claims: what a workload proves about itself, by name, one line each: "claim NAME ok" or "claim NAME failed: expected X got Y".
// The head of each workload declares them for the driver: `@family Signals`, `@claim NAME ITEM`, with the items of
// test/conformance/items.txt. A declared claim of which nothing is heard counts as failed.
#ifndef CLAIMS_H
#define CLAIMS_H
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char* open_claim;
static int broken_claims;

// One write for each line: threads and children share the output.
__attribute__((format(printf, 1, 2), unused)) static void say(const char* format, ...) {
  char text[4400];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (write(1, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1) == -1) _exit(1);
}

__attribute__((unused)) static void end_claim(void) {
  if (open_claim != NULL) say("claim %s ok\n", open_claim);
  open_claim = NULL;
}

// What is looked at from here on proves this claim; it held when the next one begins, or say_ok is reached.
__attribute__((unused)) static void claim(const char* name) {
  end_claim();
  open_claim = name;
}

// This claim does not hold. The workload goes on, so that the others are heard of too.
__attribute__((format(printf, 2, 3), unused)) static void disprove(const char* name, const char* format,
                                                                   ...) {
  char text[4200];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  broken_claims++;
  say("claim %s failed: %s\n", name, text);
}

__attribute__((unused)) static void prove_number(const char* name, long long expected, long long got) {
  end_claim();
  if (expected == got) say("claim %s ok\n", name);
  else disprove(name, "expected %lld got %lld (0x%llx, 0x%llx)", expected, got, expected, got);
}
#define PROVE(name, expected, got) prove_number(name, (long long)(expected), (long long)(got))

__attribute__((unused)) static void prove_text(const char* name, const char* expected, const char* got) {
  end_claim();
  if (strcmp(expected, got) == 0) say("claim %s ok\n", name);
  else disprove(name, "expected %s got %s", expected, got);
}

__attribute__((unused)) static void prove_bytes(const char* name, const void* expected, const void* got,
                                                size_t bytes) {
  end_claim();
  for (size_t i = 0; i < bytes; i++) {
    unsigned a = ((const unsigned char*)expected)[i], b = ((const unsigned char*)got)[i];
    if (a != b) return disprove(name, "byte %zu: expected %02x got %02x", i, a, b);
  }
  say("claim %s ok\n", name);
}

// A measured number that must lie in a range.
__attribute__((unused)) static void prove_between(const char* name, long long low, long long high,
                                                  long long got) {
  end_claim();
  if (got >= low && got <= high) say("claim %s ok\n", name);
  else disprove(name, "expected %lld to %lld got %lld", low, high, got);
}
#endif

// The CPU in the middle of a computation: general registers, x87, SSE, AVX and, where the CPU has it, AVX-512 values that live in
// registers only, rounding modes, flags, the gs base. One thread a kind spins without a system call.
// @family CPU and threads
// @claim series cpu.extended
// @claim registers cpu.general
#include <asm/prctl.h>
#include <fenv.h>
#include <immintrin.h>
#include <math.h>
#include <pthread.h>

#include "workload.h"

static volatile int go = 1;

static void* general(void* arg) {
  (void)arg;
  uint64_t r[6], flags = 0, base = 0;
  MUST(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456789000));
  __asm__ volatile(
      "mov $0x1111111111111111, %%rbx\n mov $0x2222222222222222, %%r12\n mov $0x3333333333333333, %%r13\n"
      "mov $0x4444444444444444, %%r14\n mov $0x5555555555555555, %%r15\n mov $0x6666666666666666, %%r8\n "
      "stc\n"
      "1: pause\n movl (%[go]), %%ecx\n jrcxz 2f\n jmp 1b\n"
      "2: pushfq\n pop %[flags]\n mov %%rbx, 0(%[r])\n mov %%r12, 8(%[r])\n mov %%r13, 16(%[r])\n mov %%r14, "
      "24(%[r])\n"
      "mov %%r15, 32(%[r])\n mov %%r8, 40(%[r])\n"
      : [flags] "=&a"(flags)
      : [go] "S"(&go), [r] "D"(r)
      : "rbx", "rcx", "r8", "r12", "r13", "r14", "r15", "memory", "cc");
  for (uint64_t i = 0; i < 6; i++) EXPECT("general register", 0x1111111111111111 * (i + 1), r[i]);
  EXPECT("carry flag", 1, flags & 1);
  MUST(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
  EXPECT("gs base", 0x123456789000, base);
  return NULL;
}

__attribute__((target("avx"))) static void* vectors(void* arg) {
  static uint64_t in[64] __attribute__((aligned(64))), out[64] __attribute__((aligned(64)));
  (void)arg;
  fill_pattern(in, sizeof in, 500);
#define EACH(op) \
  op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) op(14) op(15)
#define LOAD(n) "vmovdqa " #n "*32(%[in]), %%ymm" #n "\n"
#define SAVE(n) "vmovdqa %%ymm" #n ", " #n "*32(%[out])\n"
  __asm__ volatile(EACH(LOAD) "1: pause\n movl (%[go]), %%ecx\n jrcxz 2f\n jmp 1b\n2:" EACH(SAVE) "vzeroupper"
                   :
                   : [in] "r"(in), [out] "r"(out), [go] "r"(&go)
                   : "rcx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
  check_pattern("vector registers", out, sizeof out, 500);
  return NULL;
}

__attribute__((target("avx512f"))) static void* wide(void* arg) {
  static uint64_t in[128] __attribute__((aligned(64))), out[128] __attribute__((aligned(64)));
  uint64_t mask = 0xa5a5;
  (void)arg;
  fill_pattern(in, sizeof in, 600);
#define WIDE(op)                                                                                      \
  op(0, 16) op(1, 17) op(2, 18) op(3, 19) op(4, 20) op(5, 21) op(6, 22) op(7, 23) op(8, 24) op(9, 25) \
      op(10, 26) op(11, 27) op(12, 28) op(13, 29) op(14, 30) op(15, 31)
#define WLOAD(n, z) "vmovdqa64 " #n "*64(%[in]), %%zmm" #z "\n"
#define WSAVE(n, z) "vmovdqa64 %%zmm" #z ", " #n "*64(%[out])\n"
  __asm__ volatile(
      "kmovw %k[mask], %%k3\n" WIDE(WLOAD) "1: pause\n movl (%[go]), %%ecx\n jrcxz 2f\n jmp 1b\n2:" WIDE(
          WSAVE) "kmovw %%k3, %k[mask]"
      : [mask] "+r"(mask)
      : [in] "r"(in), [out] "r"(out), [go] "r"(&go)
      : "rcx", "memory", "k3", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",
        "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31");
  check_pattern("wide registers", out, sizeof out, 600);
  EXPECT("mask register", 0xa5a5, mask);
  return NULL;
}

static void* legacy(
    void* arg) {  // x87 with its own rounding mode; a series that must come out the same bit by bit
  (void)arg;
  long double value = 0;
  fesetround(FE_UPWARD);
  unsigned mxcsr = _mm_getcsr(), later;
  uint16_t control, control_later;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  __asm__ volatile(
      "fldpi\n fldl2e\n 1: pause\n movl (%[go]), %%ecx\n jrcxz 2f\n jmp 1b\n 2: faddp\n fstpt %[value]"
      : [value] "=m"(value)
      : [go] "r"(&go)
      : "rcx", "memory", "st", "st(1)");
  __asm__ volatile("fnstcw %0" : "=m"(control_later));
  later = _mm_getcsr();
  if (fabsl(value - 4.584287694478756L) > 1e-12L)
    fail("x87 stack: expected 4.584287694478756 got %.15Lf", value);
  EXPECT("x87 control word", control, control_later);
  EXPECT("MXCSR", mxcsr & ~0x3fu, later & ~0x3fu);
  EXPECT("rounding mode", FE_UPWARD, fegetround());
  return NULL;
}

int main(void) {
  void* (*kinds[4])(void*) = {general, legacy};
  int count = 2;
  listen_for_stop();
  if (__builtin_cpu_supports("avx")) kinds[count++] = vectors;
  if (__builtin_cpu_supports("avx512f")) kinds[count++] = wide;
  pthread_t thread[4];
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &old);
  for (int i = 0; i < count; i++) MUST0(pthread_create(&thread[i], NULL, kinds[i], NULL));
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  usleep(50000);
  say_ready();
  double first = 0, again = 0;  // the same series before and after
  for (int i = 1; i < 100000; i++) first += sin(i) / i;
  wait_for_stop();
  for (int i = 1; i < 100000; i++) again += sin(i) / i;
  claim("series");
  EXPECT("a series", 0, memcmp(&first, &again, sizeof first));
  claim("registers");
  go = 0;
  for (int i = 0; i < count; i++) MUST0(pthread_join(thread[i], NULL));
  return say_ok();
}

/* isa.c: asks the CPU once what it can.
 * Invariant: a name in MLX_CPU_ISA that this machine cannot run, or that nobody knows, changes nothing. */
#include "backend/cpu/isa.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>

/* clang's __builtin_cpu_supports does not know the name; asked once: in a virtual machine each cpuid leaves it, for 10 us. */
static bool f16c;
static void ask_f16c(void) {
  unsigned a, b, c, d;
  f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
static bool has_f16c(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, ask_f16c);
  return f16c;
}
#endif

const char *cpu_isa_name(enum cpu_isa isa) {
  static const char *const name[CPU_ISA_COUNT] = {"base", "avx2", "avx512", "neon"};
  return name[isa];
}

bool cpu_isa_runs(enum cpu_isa isa) {
  switch (isa) {
  case CPU_ISA_BASE:
    return true;
#if defined(__x86_64__)
  case CPU_ISA_AVX2:
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  case CPU_ISA_AVX512:
    return cpu_isa_runs(CPU_ISA_AVX2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
  case CPU_ISA_NEON:
    return true;
#endif
  default:
    return false;
  }
}

static enum cpu_isa chosen;
static void choose(void) {
  const char *wish = getenv("MLX_CPU_ISA");
  for (int i = 0; i < CPU_ISA_COUNT; i++) {
    if (!cpu_isa_runs((enum cpu_isa)i)) continue;
    chosen = (enum cpu_isa)i;
    if (wish && !strcmp(wish, cpu_isa_name(chosen))) return;
  }
}

enum cpu_isa cpu_isa(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, choose);
  return chosen;
}

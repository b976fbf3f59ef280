/* tile_table.c: which table this CPU runs. */
#include "backend/cpu/simd/headers.h"

#include <stdatomic.h>
#include <stdlib.h>

static bool runs(const struct cpu_tile_table *t) {
  if (!t->isa) return false;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (t == &cpu_tile_avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (t == &cpu_tile_avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return true;
}

static const struct cpu_tile_table *const tables[] = {&cpu_tile_avx512, &cpu_tile_avx2, &cpu_tile_neon, &cpu_tile_base};

const struct cpu_tile_table *cpu_tile_table_named(const char *isa) {
  for (int i = 0; i < MX_COUNT(tables); i++)
    if (runs(tables[i]) && !strcmp(tables[i]->isa, isa)) return tables[i];
  return NULL;
}

const struct cpu_tile_table *cpu_tile_table(void) {
  static const struct cpu_tile_table *_Atomic chosen;
  const struct cpu_tile_table *t = atomic_load_explicit(&chosen, memory_order_acquire);
  if (MX_LIKELY(t != NULL)) return t;
  const char *wish = getenv("MLX_CPU_ISA");
  t = wish ? cpu_tile_table_named(wish) : NULL;
  for (int i = 0; i < MX_COUNT(tables) && !t; i++)
    if (runs(tables[i])) t = tables[i];
  atomic_store_explicit(&chosen, t, memory_order_release);
  return t;
}

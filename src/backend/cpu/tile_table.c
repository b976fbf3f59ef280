/* tile_table.c: which table this CPU runs. */
#include "backend/cpu/isa.h"
#include "backend/cpu/simd/headers.h"

static const struct cpu_tile_table *const tables[CPU_ISA_COUNT] = {
    [CPU_ISA_BASE] = &cpu_tile_base,
    [CPU_ISA_AVX2] = &cpu_tile_avx2,
    [CPU_ISA_AVX512] = &cpu_tile_avx512,
    [CPU_ISA_NEON] = &cpu_tile_neon,
};

const struct cpu_tile_table *cpu_tile_table(void) { return tables[cpu_isa()]; }

const struct cpu_tile_table *cpu_tile_table_named(const char *isa) {
  for (int i = 0; i < CPU_ISA_COUNT; i++)
    if (cpu_isa_runs((enum cpu_isa)i) && !strcmp(cpu_isa_name((enum cpu_isa)i), isa)) return tables[i];
  return NULL;
}

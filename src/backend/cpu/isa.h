/* isa.h: which instruction set the kernels' tables are chosen for.
 * Invariant: one choice for the whole process, made once, the same for every table. */
#ifndef MX_CPU_ISA_H
#define MX_CPU_ISA_H

#include <stdbool.h>

/* Narrow to wide; neon stands alone. */
enum cpu_isa { CPU_ISA_BASE, CPU_ISA_AVX2, CPU_ISA_AVX512, CPU_ISA_NEON, CPU_ISA_COUNT };

const char *cpu_isa_name(enum cpu_isa isa); /* "base", "avx2", "avx512", "neon" */
bool cpu_isa_runs(enum cpu_isa isa);        /* this build has its kernels and this CPU runs them */
/* The widest that runs, lowered by MLX_CPU_ISA=base|avx2|avx512|neon. */
enum cpu_isa cpu_isa(void);

#endif

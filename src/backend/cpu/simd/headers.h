/* headers.h: what kernels.inc needs, included before any target pragma. */
#ifndef MX_CPU_SIMD_HEADERS_H
#define MX_CPU_SIMD_HEADERS_H

#include "backend/cpu/order.h"
#include "backend/cpu/tile_table.h"
#include "core/compiler.h"
#include "core/half.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One for each instruction set; those of another architecture are empty. */
extern const struct cpu_tile_table cpu_tile_base, cpu_tile_avx2, cpu_tile_avx512, cpu_tile_neon;

#endif

/* tile_base.c: the tile table that every CPU of the architecture runs: 16-byte vectors, no fused multiply-add. */
#include "backend/cpu/simd/headers.h"

#define VBYTES 16
#define TABLE cpu_tile_base
#define ISA "base"
#define FMA(a, b, c) ((a) * (b) + (c))
#define DFMA(a, b, c) ((a) * (b) + (c))
#define SCALAR_MATH
#include "backend/cpu/simd/kernels.inc"

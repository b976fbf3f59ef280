/* tile_avx2.c: the tile table for AVX2 with FMA and F16C. */
#include "backend/cpu/simd/headers.h"

#if defined(__x86_64__)
#include <immintrin.h>
MX_TARGET_BEGIN("avx2,fma,f16c")
#define VBYTES 32
#define TABLE cpu_tile_avx2
#define ISA "avx2"
#define FMA(a, b, c) ((vf)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#include "backend/cpu/simd/kernels.inc"
MX_TARGET_END
#else
const struct cpu_tile_table cpu_tile_avx2;
#endif

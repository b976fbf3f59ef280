/* tile_avx512.c: the tile table for AVX-512 (F, BW, DQ, VL). */
#include "backend/cpu/simd/headers.h"

#if defined(__x86_64__)
#include <immintrin.h>
MX_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define VBYTES 64
#define TABLE cpu_tile_avx512
#define ISA "avx512"
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#include "backend/cpu/simd/kernels.inc"
MX_TARGET_END
#else
const struct cpu_tile_table cpu_tile_avx512;
#endif

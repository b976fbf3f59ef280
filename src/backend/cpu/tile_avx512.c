/* tile_avx512.c: the tile table for AVX-512 (F, BW, DQ, VL). */
#include "backend/cpu/simd/headers.h"

#if defined(__x86_64__)
#include <immintrin.h>
MX_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#define VBYTES 64
#define TABLE cpu_tile_avx512
#define ISA "avx512"
#define FMA(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define DFMA(a, b, c) ((vd)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#define ROUNDED(x, how) ((vf)_mm512_roundscale_ps((__m512)(x), how))
#define ROUNDED_WIDE(x, how) ((vd)_mm512_roundscale_pd((__m512d)(x), how))
#define LEAST_ABS(x, y) ((vf)_mm512_range_ps((__m512)(x), (__m512)(y), 8 | 2)) /* of magnitudes; a number beside a NaN */
#define STREAM(p, x) _mm512_stream_ps(p, (__m512)(x))
#define HALF_VECTOR(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE_EVERY_OTHER_8(d, s) _mm512_mask_storeu_epi8(d, 0x5555555555555555ull, _mm512_cvtepu8_epi16(HALF_VECTOR(s)))
#define STORE_EVERY_OTHER_16(d, s) _mm512_mask_storeu_epi16(d, 0x55555555u, _mm512_cvtepu16_epi32(HALF_VECTOR(s)))
#define STORE_EVERY_OTHER_32(d, s) _mm512_mask_storeu_epi32(d, 0x5555, _mm512_cvtepu32_epi64(HALF_VECTOR(s)))
#define STORE_EVERY_OTHER_64(d, s) \
  _mm512_mask_storeu_epi64(d, 0x55, _mm512_maskz_expand_epi64(0x55, _mm512_castsi256_si512(HALF_VECTOR(s))))
#define SQRT(x) ((vf)_mm512_sqrt_ps((__m512)(x)))
#define SQRT_WIDE(x) ((vd)_mm512_sqrt_pd((__m512d)(x)))
#define LOOKUP32(table, index) \
  ((vf)_mm512_permutex2var_ps(_mm512_loadu_ps(table), (__m512i)(index), _mm512_loadu_ps((table) + 16)))
#define AT_MOST(limit, x) ((vf)_mm512_min_ps((__m512)(limit), (__m512)(x)))
#define AT_LEAST(limit, x) ((vf)_mm512_max_ps((__m512)(limit), (__m512)(x)))
#define LOAD_F16(p) ((vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p))))
#define STORE_F16(p, x) _mm256_storeu_si256((__m256i *)(p), _mm512_cvtps_ph((__m512)(x), _MM_FROUND_TO_NEAREST_INT))
#define AT_MOST_WIDE(limit, x) ((vd)_mm512_min_pd((__m512d)(limit), (__m512d)(x)))
#define AT_LEAST_WIDE(limit, x) ((vd)_mm512_max_pd((__m512d)(limit), (__m512d)(x)))
#define MASK_32(m) _mm512_movepi32_mask((__m512i)(m))
#define MASK_64(m) _mm512_movepi64_mask((__m512i)(m))
#define LEAST_16(x, y) ((vs)_mm512_min_epi16((__m512i)(x), (__m512i)(y)))
#define MOST_16(x, y) ((vs)_mm512_max_epi16((__m512i)(x), (__m512i)(y)))
#define LEAST_32(x, y) ((vi)_mm512_min_epi32((__m512i)(x), (__m512i)(y)))
#define MOST_32(x, y) ((vi)_mm512_max_epi32((__m512i)(x), (__m512i)(y)))
#define LEAST_64(x, y) ((vl)_mm512_min_epi64((__m512i)(x), (__m512i)(y)))
#define MOST_64(x, y) ((vl)_mm512_max_epi64((__m512i)(x), (__m512i)(y)))
#include "backend/cpu/simd/kernels.inc"
MX_TARGET_END
#else
const struct cpu_tile_table cpu_tile_avx512;
#endif

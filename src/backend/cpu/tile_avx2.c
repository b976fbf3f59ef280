/* tile_avx2.c: the tile table for AVX2 with FMA and F16C. */
#include "backend/cpu/simd/headers.h"

#if defined(__x86_64__)
#include <immintrin.h>
MX_TARGET_BEGIN("avx2,fma,f16c")
#define VBYTES 32
#define TABLE cpu_tile_avx2
#define ISA "avx2"
#define FMA(a, b, c) ((vf)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define DFMA(a, b, c) ((vd)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#define ROUNDED(x, how) ((vf)_mm256_round_ps((__m256)(x), how))
#define ROUNDED_WIDE(x, how) ((vd)_mm256_round_pd((__m256d)(x), how))
#define DSEL(m, a, b) ((vd)_mm256_blendv_pd((__m256d)(b), (__m256d)(a), (__m256d)(m)))
#define SEL(m, a, b) ((vf)_mm256_blendv_ps((__m256)(b), (__m256)(a), (__m256)(m)))
#define STREAM(p, x) _mm256_stream_ps(p, (__m256)(x))
#define SQRT(x) ((vf)_mm256_sqrt_ps((__m256)(x)))
#define SQRT_WIDE(x) ((vd)_mm256_sqrt_pd((__m256d)(x)))
#define AT_MOST(limit, x) ((vf)_mm256_min_ps((__m256)(limit), (__m256)(x)))
#define AT_LEAST(limit, x) ((vf)_mm256_max_ps((__m256)(limit), (__m256)(x)))
#define LOAD_F16(p) ((vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p))))
#define STORE_F16(p, x) _mm_storeu_si128((__m128i *)(p), _mm256_cvtps_ph((__m256)(x), _MM_FROUND_TO_NEAREST_INT))
#define AT_MOST_WIDE(limit, x) ((vd)_mm256_min_pd((__m256d)(limit), (__m256d)(x)))
#define AT_LEAST_WIDE(limit, x) ((vd)_mm256_max_pd((__m256d)(limit), (__m256d)(x)))
#define MASK_32(m) _mm256_movemask_ps((__m256)(m))
#define MASK_64(m) _mm256_movemask_pd((__m256d)(m))
#define LEAST_16(x, y) ((vs)_mm256_min_epi16((__m256i)(x), (__m256i)(y)))
#define MOST_16(x, y) ((vs)_mm256_max_epi16((__m256i)(x), (__m256i)(y)))
#define LEAST_32(x, y) ((vi)_mm256_min_epi32((__m256i)(x), (__m256i)(y)))
#define MOST_32(x, y) ((vi)_mm256_max_epi32((__m256i)(x), (__m256i)(y)))
#include "backend/cpu/simd/kernels.inc"
MX_TARGET_END
#else
const struct cpu_tile_table cpu_tile_avx2;
#endif

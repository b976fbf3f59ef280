/* gemm_avx2.c: the products' kernels with AVX2, FMA and F16C. */
#if defined(__x86_64__)
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_vectors.h"

#include <string.h>

MX_TARGET_BEGIN("avx2,fma,f16c")

typedef float v_float __attribute__((vector_size(32)));
typedef double v_double __attribute__((vector_size(32)));

#define v_fma(a, b, c) ((v_float)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_fnma(a, b, c) ((v_float)_mm256_fnmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define v_fmad(a, b, c) ((v_double)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
MX_INLINE v_float v_load_f16(const uint16_t *p) { return (v_float)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
MX_INLINE void v_store_f16(uint16_t *p, v_float v) {
  _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT));
}
#define v_four_f16(p) ((v_any_four)_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)(p))))

#define VBYTES 32
#define MR 6
#define NV 2
#define CMR 6
#define ISA CPU_ISA_AVX2
#define TABLE cpu_gemm_avx2
#include "backend/cpu/gemm_kernels.inc"

MX_TARGET_END
#else
typedef int cpu_gemm_no_avx2;
#endif

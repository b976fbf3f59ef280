/* gemm_avx512.c: the products' kernels with AVX-512. */
#if defined(__x86_64__)
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_vectors.h"

#include <string.h>

MX_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")

typedef float v_float __attribute__((vector_size(64)));
typedef double v_double __attribute__((vector_size(64)));

#define v_fma(a, b, c) ((v_float)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_fnma(a, b, c) ((v_float)_mm512_fnmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define v_fmad(a, b, c) ((v_double)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
MX_INLINE v_float v_load_f16(const uint16_t *p) { return (v_float)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
MX_INLINE void v_store_f16(uint16_t *p, v_float v) {
  _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT));
}
#define v_four_f16(p) ((v_any_four)_mm_cvtph_ps(_mm_loadl_epi64((const __m128i *)(p))))

#define VBYTES 64
#define MR 12
#define NV 2
#define CMR 8
#define ISA CPU_ISA_AVX512
#define TABLE cpu_gemm_avx512
#include "backend/cpu/gemm_kernels.inc"

MX_TARGET_END
#else
typedef int cpu_gemm_no_avx512;
#endif

/* gemm_neon.c: the products' kernels with AArch64's vectors. */
#if defined(__aarch64__)
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_vectors.h"

#include <string.h>

typedef float v_float __attribute__((vector_size(16)));
typedef double v_double __attribute__((vector_size(16)));

#define v_fma(a, b, c) ((v_float)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define v_fnma(a, b, c) ((v_float)vfmsq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define v_fmad(a, b, c) ((v_double)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
MX_INLINE v_float v_load_f16(const uint16_t *p) {
  return (v_float)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
MX_INLINE void v_store_f16(uint16_t *p, v_float v) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v))); }
#define v_four_f16 v_load_f16

#define VBYTES 16
#define MR 12
#define NV 2
#define CMR 8
#define ISA CPU_ISA_NEON
#define TABLE cpu_gemm_neon
#include "backend/cpu/gemm_kernels.inc"
#else
typedef int cpu_gemm_no_neon;
#endif

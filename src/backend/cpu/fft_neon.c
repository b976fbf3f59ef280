/* fft_neon.c: the transforms' kernels with AArch64's vectors. */
#if defined(__aarch64__)
#include "backend/cpu/fft.h"

#include <arm_neon.h>
#include <string.h>

typedef float v_float __attribute__((vector_size(16)));

#define v_fma(a, b, c) ((v_float)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define v_fnma(a, b, c) ((v_float)vfmsq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define v_re(a, b) ((v_float)vuzp1q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_im(a, b) ((v_float)vuzp2q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_low(a, b) ((v_float)vzip1q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_high(a, b) ((v_float)vzip2q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_backwards(a) ((v_float)vextq_f32((float32x4_t)(a), (float32x4_t)(a), 2))

enum { BLOCK = 2 };
MX_INLINE void turn_block(float *dst, int64_t to, const float *src, int64_t from) {
  float32x4_t a = vld1q_f32(src), b = vld1q_f32(src + from);
  vst1q_f32(dst, vcombine_f32(vget_low_f32(a), vget_low_f32(b)));
  vst1q_f32(dst + to, vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
}

#define VBYTES 16
#define ISA CPU_ISA_NEON
#define TABLE cpu_fft_neon
#include "backend/cpu/fft_kernels.inc"
#else
typedef int cpu_fft_no_neon;
#endif

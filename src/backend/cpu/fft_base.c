/* fft_base.c: the transforms' kernels for any CPU: vectors of four, multiply and add apart. */
#include "backend/cpu/fft.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float v_float __attribute__((vector_size(16)));

MX_INLINE v_float v_fma(v_float a, v_float b, v_float c) { return a * b + c; }
MX_INLINE v_float v_fnma(v_float a, v_float b, v_float c) { return c - a * b; }
#if defined(__x86_64__)
#define v_re(a, b) ((v_float)_mm_shuffle_ps((__m128)(a), (__m128)(b), 0x88))
#define v_im(a, b) ((v_float)_mm_shuffle_ps((__m128)(a), (__m128)(b), 0xdd))
#define v_low(a, b) ((v_float)_mm_unpacklo_ps((__m128)(a), (__m128)(b)))
#define v_high(a, b) ((v_float)_mm_unpackhi_ps((__m128)(a), (__m128)(b)))
#else
MX_INLINE v_float v_re(v_float a, v_float b) { return (v_float){a[0], a[2], b[0], b[2]}; }
MX_INLINE v_float v_im(v_float a, v_float b) { return (v_float){a[1], a[3], b[1], b[3]}; }
MX_INLINE v_float v_low(v_float a, v_float b) { return (v_float){a[0], b[0], a[1], b[1]}; }
MX_INLINE v_float v_high(v_float a, v_float b) { return (v_float){a[2], b[2], a[3], b[3]}; }
#endif
MX_INLINE v_float v_backwards(v_float a) { return (v_float){a[2], a[3], a[0], a[1]}; }

enum { BLOCK = 2 };
MX_INLINE void turn_block(float *dst, int64_t to, const float *src, int64_t from) {
  double a[2], b[2];
  memcpy(a, src, 16), memcpy(b, src + from, 16);
  double p[2] = {a[0], b[0]}, q[2] = {a[1], b[1]};
  memcpy(dst, p, 16), memcpy(dst + to, q, 16);
}

#define VBYTES 16
#define ISA CPU_ISA_BASE
#define TABLE cpu_fft_base
#include "backend/cpu/fft_kernels.inc"

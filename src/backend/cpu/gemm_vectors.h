/* gemm_vectors.h: what the kernels need beside plain vector arithmetic, for any instruction set.
 * Invariant: exact; f16 conversions agree bit for bit with core/half.h. */
#ifndef MX_CPU_GEMM_VECTORS_H
#define MX_CPU_GEMM_VECTORS_H

#include "core/compiler.h"
#include "core/half.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef float v_any_four __attribute__((vector_size(16)));

/* (a0 b0 a1 b1) and (a2 b2 a3 b3). */
#if defined(__x86_64__)
#define v_zip_low(a, b) ((v_any_four)_mm_unpacklo_ps((__m128)(a), (__m128)(b)))
#define v_zip_high(a, b) ((v_any_four)_mm_unpackhi_ps((__m128)(a), (__m128)(b)))
#elif defined(__aarch64__)
#define v_zip_low(a, b) ((v_any_four)vzip1q_f32((float32x4_t)(a), (float32x4_t)(b)))
#define v_zip_high(a, b) ((v_any_four)vzip2q_f32((float32x4_t)(a), (float32x4_t)(b)))
#else
MX_INLINE v_any_four v_zip_low(v_any_four a, v_any_four b) { return (v_any_four){a[0], b[0], a[1], b[1]}; }
MX_INLINE v_any_four v_zip_high(v_any_four a, v_any_four b) { return (v_any_four){a[2], b[2], a[3], b[3]}; }
#endif

#endif

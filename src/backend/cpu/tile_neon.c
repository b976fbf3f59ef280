/* tile_neon.c: the tile table for 64-bit ARM, whose every CPU has it. */
#include "backend/cpu/simd/headers.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#define VBYTES 16
#define TABLE cpu_tile_neon
#define ISA "neon"
#define FMA(a, b, c) ((vf)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define DFMA(a, b, c) ((vd)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#define SQRT(x) ((vf)vsqrtq_f32((float32x4_t)(x)))
#define SQRT_WIDE(x) ((vd)vsqrtq_f64((float64x2_t)(x)))
#define LOAD_F16(p) ((vf)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))))
#define STORE_F16(p, x) vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)(x))))
#include "backend/cpu/simd/kernels.inc"
#else
const struct cpu_tile_table cpu_tile_neon;
#endif

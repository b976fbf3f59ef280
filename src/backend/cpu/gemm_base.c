/* gemm_base.c: the products' kernels for any CPU: vectors of four, multiply and add apart. */
#include "backend/cpu/gemm.h"
#include "backend/cpu/gemm_vectors.h"

#include <string.h>

typedef float v_float __attribute__((vector_size(16)));
typedef double v_double __attribute__((vector_size(16)));

MX_INLINE v_float v_fma(v_float a, v_float b, v_float c) { return a * b + c; }
MX_INLINE v_float v_fnma(v_float a, v_float b, v_float c) { return c - a * b; }
MX_INLINE v_double v_fmad(v_double a, v_double b, v_double c) { return a * b + c; }
MX_INLINE v_float v_load_f16(const uint16_t *p) {
  return (v_float){mx_f16_to_float(p[0]), mx_f16_to_float(p[1]), mx_f16_to_float(p[2]), mx_f16_to_float(p[3])};
}
MX_INLINE void v_store_f16(uint16_t *p, v_float v) {
  for (int i = 0; i < 4; i++) p[i] = mx_float_to_f16(v[i]);
}
#define v_four_f16 v_load_f16

#define VBYTES 16
#define MR 4
#define NV 2
#define CMR 4
#define ISA CPU_ISA_BASE
#define TABLE cpu_gemm_base
#include "backend/cpu/gemm_kernels.inc"

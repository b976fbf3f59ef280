/* order.h: values as unsigned keys of the same order: what sorts, selections and searches compare.
 * Invariant: equal values have equal keys (zeros of either sign too), NaN above all; complex numbers by real part, then imaginary. */
#ifndef MX_CPU_ORDER_H
#define MX_CPU_ORDER_H

#include <stdint.h>

/* Floats by their bits: negative ones turned round, the sign's bit turned; -0 as 0. */
static inline uint32_t cpu_key_float(uint32_t u, uint32_t inf, uint32_t sign) {
  uint32_t all = sign | (sign - 1), x = u == sign ? 0 : u, key = x & sign ? ~x & all : x | sign;
  return (u & (sign - 1)) > inf ? all : key;
}
static inline uint64_t cpu_key_double(uint64_t u) {
  const uint64_t sign = 1ull << 63, inf = 0x7ffull << 52;
  uint64_t x = u == sign ? 0 : u, key = x & sign ? ~x : x | sign;
  return (int64_t)(u & (sign - 1)) > (int64_t)inf ? UINT64_MAX : key;
}
static inline uint32_t cpu_key_f32(uint32_t u) { return cpu_key_float(u, 0x7f800000u, 0x80000000u); }
static inline uint64_t cpu_key_c64(uint64_t u) { return (uint64_t)cpu_key_f32((uint32_t)u) << 32 | cpu_key_f32((uint32_t)(u >> 32)); }

/* DO(bits of the value, bits of the key, key of u) for a dtype. */
#define CPU_KEYS(dtype, DO)                                                                                   \
  switch (dtype) {                                                                                            \
  case MX_BOOL:                                                                                               \
  case MX_UINT8: DO(8, 32, u) break;                                                                          \
  case MX_UINT16: DO(16, 32, u) break;                                                                        \
  case MX_UINT32: DO(32, 32, u) break;                                                                        \
  case MX_UINT64: DO(64, 64, u) break;                                                                        \
  case MX_INT8: DO(8, 32, u ^ 0x80u) break;                                                                   \
  case MX_INT16: DO(16, 32, u ^ 0x8000u) break;                                                               \
  case MX_INT32: DO(32, 32, u ^ 0x80000000u) break;                                                           \
  case MX_INT64: DO(64, 64, u ^ 1ull << 63) break;                                                            \
  case MX_FLOAT16: DO(16, 32, cpu_key_float(u, 0x7c00u, 0x8000u)) break;                                      \
  case MX_BFLOAT16: DO(16, 32, cpu_key_float(u, 0x7f80u, 0x8000u)) break;                                     \
  case MX_FLOAT32: DO(32, 32, cpu_key_f32(u)) break;                                                          \
  case MX_FLOAT64: DO(64, 64, cpu_key_double(u)) break;                                                       \
  default: DO(64, 64, cpu_key_c64(u)) break;                                                                  \
  }

#endif

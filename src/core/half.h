/* half.h: float16 and bfloat16 as bits in a uint16_t; conversions round to nearest even and keep NaN a NaN. */
#ifndef MX_CORE_HALF_H
#define MX_CORE_HALF_H

#include <stdint.h>
#include <string.h>

static inline uint32_t mx_float_bits(float f) { uint32_t u; memcpy(&u, &f, 4); return u; }
static inline float mx_bits_float(uint32_t u) { float f; memcpy(&f, &u, 4); return f; }

static inline float mx_bf16_to_float(uint16_t h) { return mx_bits_float((uint32_t)h << 16); }
static inline uint16_t mx_float_to_bf16(float f) {
  uint32_t u = mx_float_bits(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((u >> 16) | 0x40u);
  return (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

/* The scale by a power of two turns half subnormals into float normals exactly. */
static inline float mx_f16_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, rest = (uint32_t)(h & 0x7fffu) << 13;
  if ((h & 0x7c00u) == 0x7c00u) return mx_bits_float(sign | 0x7f800000u | (rest & 0x7fffffu));
  return mx_bits_float(sign | mx_float_bits(mx_bits_float(rest) * 0x1p112f));
}
static inline uint16_t mx_float_to_f16(float f) {
  uint32_t u = mx_float_bits(f), sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | ((a >> 13) & 0x1ffu));
  if (a >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 65536 and above; 65520..65535 round up below */
  if (a < 0x38800000u) {                                   /* a half subnormal: let float addition round */
    uint32_t m = mx_float_bits(mx_bits_float(a) + 0.5f);
    return (uint16_t)(sign | (m - 0x3f000000u));
  }
  return (uint16_t)(sign | ((a - 0x38000000u + 0xfffu + ((a >> 13) & 1u)) >> 13));
}

#endif
